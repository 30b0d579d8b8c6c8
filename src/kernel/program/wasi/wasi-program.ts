/** What WASI's functions work on: the memory of their program, a piece of it that is the host's, and system calls. */

import type { SyscallName } from '../../../abi/syscalls.ts';
import { type Ptr, plus, ptr } from '../../memory.ts';
import type { ProgramMemory } from '../program-memory.ts';
import { ILSEQ, NAMETOOLONG } from './errno.ts';

export interface WasiProgram {
  readonly memory: ProgramMemory;
  /** SCRATCH_BYTES of its memory that the program does not know of. */
  readonly scratch: Ptr;
  /** Where exec wrote argc, argv and envp. */
  readonly sp: Ptr;
  /** What Linux answers. Throws what takes the stack down when the task has ended. */
  syscall(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number>;
}

/** A function of WASI: answers one of its errnos. i32 come as numbers, signed; i64 as bigints. */
export type WasiCall = (program: WasiProgram, ...args: never[]) => number | Promise<number>;

/** Room for two paths, then for structures. */
const PATH_BYTES = 4096;
const PATHS = 2;
export const STRUCT_BYTES = 56 * 1024;
export const SCRATCH_BYTES = PATHS * PATH_BYTES + STRUCT_BYTES;

/** Where structures for the kernel are laid out. */
export const structAt = ({ scratch }: WasiProgram): Ptr => plus(scratch, PATHS * PATH_BYTES);

/** A path as the kernel wants it, with its NUL: WASI has its length. What cannot be one is a WASI errno. */
export class BadPath extends Error {
  readonly errno: number;
  constructor(errno: number) {
    super(`no path: ${errno}`);
    this.errno = errno;
  }
}

/** `which`: 0 or 1, of a call with two. Throws BadPath, and RangeError for what is outside of memory. */
export function pathOf({ memory, scratch }: WasiProgram, at: number, length: number, which = 0): Ptr {
  const from = ptr(at);
  const bytes = length >>> 0;
  if (bytes >= PATH_BYTES) throw new BadPath(NAMETOOLONG);
  if (bytes > 0) mustHave(memory, from, bytes);
  const path = memory.copy(from, bytes);
  if (path.includes(0)) throw new BadPath(ILSEQ);
  const to = plus(scratch, which * PATH_BYTES);
  memory.writeCstring(to, path);
  return to;
}

/** Throws RangeError, which WASI's functions answer as EFAULT. */
export function mustHave(memory: ProgramMemory, at: number, bytes: number): void {
  if (!memory.has(at, bytes)) throw new RangeError(`${bytes} bytes at ${at} are not the program's`);
}

/** What a function answers beside its errno goes there. */
export function answerU32(memory: ProgramMemory, at: number, value: number): void {
  mustHave(memory, ptr(at), 4);
  memory.setU32(ptr(at), value);
}
export function answerU64(memory: ProgramMemory, at: number, value: bigint): void {
  mustHave(memory, ptr(at), 8);
  memory.setU64(ptr(at), BigInt.asUintN(64, value));
}
