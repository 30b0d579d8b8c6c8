/** The filter over a program, as seccomp(2) takes it: which calls are caught, and which go on to the machine's own kernel unseen. */

import { errnos } from '../../../abi/errno.ts';
import { auditArch, type CaughtCall, numberOf } from './numbers.ts';

/** A call is caught, unless one of its arguments, its low 32 bits, says that it is no business of ours. */
export interface Rule {
  readonly call: CaughtCall;
  /** Caught only when argument `index` is one of these. */
  readonly only?: { readonly index: number; readonly values: readonly number[] };
  /** Not caught when argument `index` is one of these. */
  readonly except?: { readonly index: number; readonly values: readonly number[] };
  /** Not caught when argument `index` has one of these bits. */
  readonly unless?: { readonly index: number; readonly bits: number };
  /** Answered with this errno at once. */
  readonly refused?: number;
}

/** struct sock_filter */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

// linux/bpf_common.h: load a word of the data, jumps on equal, greater or equal, and set bits, return.
const [LOAD, EQUAL, AT_LEAST, SET, RETURN] = [0x20, 0x15, 0x35, 0x45, 0x06] as const;
// linux/seccomp.h
const [USER_NOTIF, ERRNO, ALLOW] = [0x7fc0_0000, 0x0005_0000, 0x7fff_0000] as const;
// struct seccomp_data: nr, arch, instruction pointer, six arguments.
const [NR, ARCH, ARGS] = [0, 4, 16] as const;
const X32_BIT = 0x4000_0000;

const stop = (action: number): Instruction => [RETURN, 0, 0, action >>> 0];
const caught = stop(USER_NOTIF);
const allowed = stop(ALLOW);

/** What is done once the call's number is that of `rule`; each way through ends with a return. */
function actionOf({ only, except, unless, refused }: Rule): readonly Instruction[] {
  if (refused !== undefined) return [stop(ERRNO | refused)];
  const code: Instruction[] = [];
  if (unless) code.push([LOAD, 0, 0, ARGS + 8 * unless.index], [SET, 0, 1, unless.bits >>> 0], allowed);
  if (except) {
    code.push([LOAD, 0, 0, ARGS + 8 * except.index]);
    for (const value of except.values) code.push([EQUAL, 0, 1, value >>> 0], allowed);
  }
  if (!only) return [...code, caught];
  code.push([LOAD, 0, 0, ARGS + 8 * only.index]);
  for (const value of only.values) code.push([EQUAL, 0, 1, value >>> 0], caught);
  return [...code, allowed];
}

/** The bytes of the filter. A call of another kind of program (32 bits) is caught, so that somebody can say so. */
export function filterOf(rules: readonly Rule[]): Uint8Array {
  const code: Instruction[] = [[LOAD, 0, 0, ARCH], [EQUAL, 1, 0, auditArch], caught, [LOAD, 0, 0, NR]];
  if (process.arch === 'x64') code.push([AT_LEAST, 0, 1, X32_BIT], caught);
  for (const rule of rules) {
    const number = numberOf(rule.call);
    if (number === undefined) continue;
    const action = actionOf(rule);
    code.push([EQUAL, 0, action.length, number], ...action);
  }
  code.push(allowed);
  const bytes = new DataView(new ArrayBuffer(8 * code.length));
  for (const [i, [op, jumpTrue, jumpFalse, k]] of code.entries()) {
    bytes.setUint16(8 * i, op, true);
    bytes.setUint8(8 * i + 2, jumpTrue);
    bytes.setUint8(8 * i + 3, jumpFalse);
    bytes.setUint32(8 * i + 4, k, true);
  }
  return new Uint8Array(bytes.buffer);
}

export const ENOSYS = errnos.ENOSYS.number;
