/**
 * What a syscall argument or a struct's pointer field is, parsed from the words of the generated tables.
 *
 * A word is `name:kind`. A kind is a plain value, or a direction and what lies at the address:
 *   int uint ulong size off u64 fd pid uid gid dev ptr any    plain values; `any`: the call's command says what it is
 *   open, signal, …                                           a group of src/abi/uapi/constants.ts: words or a number
 *   <T  >T  <>T                                               the kernel reads, writes, or both, at this address
 * T is `str` (NUL-terminated), `strs` (argv), a scalar (s32, be16 …), a struct, `bytes`, or a type with a text of its own
 * (sockaddr, sigset, fd_set, cstr, names, sockval, wait_status). After T, `[n]` counts elements and `(n)` bytes, `;got` tells how
 * much the call produced; `[]` is as many as there is room for. An amount is a number or an argument's name (`*name`: what it
 * points at; `ret`: the result), with an optional `/n` or `+n`.
 */

import { type SyscallName, syscalls } from './syscalls.ts';

export interface Amount {
  /** An argument or field by name, `ret`, or '' for a plain number. */
  readonly of: string;
  /** The argument is the address of the amount. */
  readonly pointed: boolean;
  readonly divide: number;
  readonly add: number;
}

export interface Kind {
  readonly direction: '' | '<' | '>' | '<>';
  readonly type: string;
  readonly length?: Amount;
  /** Whether `length` and `got` count bytes or elements. */
  readonly unit: 'bytes' | 'elements';
  readonly got?: Amount;
}

export interface Parameter {
  readonly name: string;
  readonly kind: Kind;
}

/** As many as there is room for. */
const rest: Amount = { of: '', pointed: false, divide: 1, add: Number.POSITIVE_INFINITY };

/** Whether the kind's length is not a fixed number. */
export const isOpen = ({ length }: Kind): boolean => length !== undefined && (length.of !== '' || length === rest);

export function parseKind(text: string): Kind {
  const found = /^(<>|<|>)?([\w]+)(?:([[(])([^;\])]*)(?:;([^\])]*))?[\])])?$/.exec(text);
  if (!found) throw new Error(`odd kind ${text}`);
  const [, direction = '', type = '', bracket, length, got] = found;
  return {
    direction: direction as Kind['direction'],
    type,
    unit: bracket === '(' ? 'bytes' : 'elements',
    ...(length !== undefined && { length: length === '' ? rest : parseAmount(length) }),
    ...(got && { got: parseAmount(got) }),
  };
}

function parseAmount(text: string): Amount {
  const [, star, word = '', op, operand] = /^(\*)?(\w+)(?:([/+])(\d+))?$/.exec(text) ?? [];
  const plain = /^\d+$/.test(word);
  return {
    of: plain ? '' : word,
    pointed: star !== undefined,
    divide: op === '/' ? Number(operand) : 1,
    add: plain ? Number(word) : op === '+' ? Number(operand) : 0,
  };
}

/** `amount` of what `value` answers for its source. */
export function measure(amount: Amount, value: (of: string, pointed: boolean) => number): number {
  return amount.of === '' ? amount.add : Math.ceil(value(amount.of, amount.pointed) / amount.divide) + amount.add;
}

const parsed = new Map<SyscallName, readonly Parameter[] | undefined>();

/** The parameters of a call, in order; undefined for a number that is only reserved. */
export function parametersOf(call: SyscallName): readonly Parameter[] | undefined {
  if (!parsed.has(call)) {
    const row: readonly [number, string?] = syscalls[call];
    parsed.set(call, row[1] === undefined ? undefined : parseWords(row[1]));
  }
  return parsed.get(call);
}

/** The name that Linux's table gives a call, if it is one. */
export const isSyscall = (name: string): name is SyscallName => Object.hasOwn(syscalls, name);

function parseWords(text: string): Parameter[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const colon = word.indexOf(':');
      return { name: word.slice(0, colon), kind: parseKind(word.slice(colon + 1)) };
    });
}
