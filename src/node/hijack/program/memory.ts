/** The memory of a program of this machine: copied by process_vm_readv(2) and process_vm_writev(2), with no trust in any address. */

import type { KernelMemory } from '../../../kernel/memory.ts';
import { type HostCall, hostCall, module } from '../../native/calls.ts';
import { CallFailed } from './failed.ts';

/** Bytes of a program, as struct iovec has them. */
export interface Span {
  readonly at: number;
  readonly bytes: number;
}

/** IOV_MAX */
const MOST_SPANS = 1024;
const PAGE = 4096;
export const PATH_MAX = 4096;
/** Beyond is no address of a program; the calls want 64 bits, and numbers are exact up to 2^53. */
const END = 2 ** 52;

const local = new BigUint64Array(2);
const remote = new BigUint64Array(2 * MOST_SPANS);
/** Memory of this process, whose place is known. */
class Room {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  #at: bigint | undefined;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
  }

  get at(): bigint {
    this.#at ??= module().address(this.bytes);
    return this.#at;
  }
}

/** What is looked at. */
const small = new Room(8 * PAGE);
/**
 * What is small is copied by way of this: to tell the machine's kernel where an array lies costs a call of the native module, and an array that was inside
 * of V8's heap moves out of it for that.
 */
const passing = new Room(8 * PAGE);

/** Where a kernel's memory lies in this process: it stays there, but is asked again whenever it has grown. */
class Base {
  #buffer: ArrayBufferLike | undefined;
  #at = 0n;

  of({ bytes }: KernelMemory): bigint {
    if (bytes.buffer !== this.#buffer) {
      this.#buffer = bytes.buffer;
      this.#at = module().address(bytes);
    }
    return this.#at;
  }
}

export class ProgramMemory {
  readonly #pid: number;
  readonly #base: Base;

  /** `like` is the same memory. */
  constructor(pid: number, like?: ProgramMemory) {
    this.#pid = pid;
    this.#base = like ? like.#base : new Base();
  }

  #copy(call: HostCall, here: bigint, spans: readonly Span[], most: number): number {
    let total = 0;
    let count = 0;
    for (const { at, bytes } of spans) {
      if (total >= most || count >= MOST_SPANS) break;
      const n = Math.min(bytes, most - total);
      if (n === 0) continue;
      if (!(at < END)) throw new CallFailed('EFAULT');
      remote[2 * count] = BigInt(at);
      remote[2 * count + 1] = BigInt(n);
      count++;
      total += n;
    }
    if (total === 0) return 0;
    local[0] = here;
    local[1] = BigInt(total);
    return hostCall(call, this.#pid, local, 1, remote, count, 0);
  }

  /** Whole, or EFAULT. */
  #whole(copied: number, bytes: number): void {
    if (copied !== bytes) throw new CallFailed('EFAULT');
  }

  /** For immediate use: it is overwritten by the next. */
  view(at: number, bytes: number): DataView {
    if (bytes > small.bytes.length) throw new CallFailed('E2BIG');
    this.#whole(this.#copy('process_vm_readv', small.at, [{ at, bytes }], bytes), bytes);
    return small.view;
  }

  /** A copy that may be kept. */
  read(at: number, bytes: number): Uint8Array {
    if (bytes <= passing.bytes.length) {
      this.#whole(this.#copy('process_vm_readv', passing.at, [{ at, bytes }], bytes), bytes);
      return passing.bytes.slice(0, bytes);
    }
    const copy = new Uint8Array(bytes);
    this.#whole(this.#copy('process_vm_readv', module().address(copy), [{ at, bytes }], bytes), bytes);
    return copy;
  }

  /** As much as can be read of so many bytes. */
  readSome(at: number, bytes: number): Uint8Array {
    if (bytes <= passing.bytes.length) {
      const got = this.#copy('process_vm_readv', passing.at, [{ at, bytes }], bytes);
      return passing.bytes.slice(0, Math.max(0, got));
    }
    const copy = new Uint8Array(bytes);
    const got = this.#copy('process_vm_readv', module().address(copy), [{ at, bytes }], bytes);
    return copy.subarray(0, Math.max(0, got));
  }

  write(at: number, from: Uint8Array): void {
    if (from.length === 0) return;
    const spans = [{ at, bytes: from.length }];
    const isSmall = from.length <= passing.bytes.length;
    if (isSmall) passing.bytes.set(from);
    const here = isSmall ? passing.at : module().address(from);
    this.#whole(this.#copy('process_vm_writev', here, spans, from.length), from.length);
  }

  /** A C string without its NUL. Throws ENAMETOOLONG beyond PATH_MAX. */
  string(at: number): Uint8Array {
    let length = 0;
    while (length < PATH_MAX) {
      // Never over a page that may be the last.
      const bytes = Math.min(PAGE - ((at + length) % PAGE), PATH_MAX - length);
      const here = small.at + BigInt(length);
      const got = this.#copy('process_vm_readv', here, [{ at: at + length, bytes }], bytes);
      if (got <= 0) throw new CallFailed('EFAULT');
      const end = small.bytes.subarray(0, length + got).indexOf(0, length);
      if (end >= 0) return small.bytes.slice(0, end);
      length += got;
    }
    throw new CallFailed('ENAMETOOLONG');
  }

  /** From the program into the kernel's memory: so many bytes of the spans, after those that are skipped. */
  intoKernel(memory: KernelMemory, to: number, spans: readonly Span[], bytes: number): void {
    this.#whole(this.#copy('process_vm_readv', this.#base.of(memory) + BigInt(to), spans, bytes), bytes);
  }

  fromKernel(memory: KernelMemory, from: number, spans: readonly Span[], bytes: number): void {
    this.#whole(this.#copy('process_vm_writev', this.#base.of(memory) + BigInt(from), spans, bytes), bytes);
  }

  /** An array of struct iovec. */
  spans(at: number, count: number): readonly Span[] {
    if (count > MOST_SPANS) throw new CallFailed('EINVAL');
    if (count === 0) return [];
    const view = this.view(at, 16 * count);
    const word = (offset: number) => view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
    return Array.from({ length: count }, (_, i) => {
      const bytes = word(16 * i + 8);
      if (bytes >= 2 ** 63) throw new CallFailed('EINVAL');
      return { at: word(16 * i), bytes };
    });
  }

  u32(at: number): number {
    return this.view(at, 4).getUint32(0, true);
  }
  setU32(at: number, value: number): void {
    passing.view.setUint32(0, value, true);
    this.write(at, passing.bytes.subarray(0, 4));
  }
  i64(at: number): bigint {
    return this.view(at, 8).getBigInt64(0, true);
  }
  setI64(at: number, value: bigint): void {
    passing.view.setBigInt64(0, value, true);
    this.write(at, passing.bytes.subarray(0, 8));
  }
}

/** Without the first `skip` bytes. */
export function after(spans: readonly Span[], skip: number): readonly Span[] {
  let left = skip;
  const rest: Span[] = [];
  for (const { at, bytes } of spans) {
    const cut = Math.min(left, bytes);
    left -= cut;
    if (bytes > cut) rest.push({ at: at + cut, bytes: bytes - cut });
  }
  return rest;
}

export const lengthOf = (spans: readonly Span[]): number => spans.reduce((sum, { bytes }) => sum + bytes, 0);
