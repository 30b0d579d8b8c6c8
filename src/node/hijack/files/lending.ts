/**
 * Numbers of programs that are memory for a moment. Memory of the machine's is mapped by a descriptor of the machine's: for as long as mmap(2) looks, a
 * number has a memfd where it had a placeholder. The placeholder comes back before the next call of that thread is answered.
 */

import { readFileSync, readlinkSync } from 'node:fs';
import { hostCall } from '../../native/calls.ts';
import type { Thread } from '../program/thread.ts';
import type { OpenFile } from './open-files.ts';

interface Loan {
  readonly tid: number;
  readonly number: number;
  readonly file: OpenFile;
  /** Of the placeholder: it is not closed meanwhile. */
  readonly copy: number;
  /** The name of the memory, which no other has. */
  readonly name: string;
}

export interface LendingNeeds {
  copyDescriptor(thread: Thread, fd: number): number;
  /** Puts a descriptor of this process under a number of the program's whose call waits; 0 or a negative errno. */
  put(noteId: bigint, fd: number, at: number, cloexec: boolean): number;
}

const O_CLOEXEC = 0o2000000;
let made = 0;

/** A memfd of so many bytes, and its name. */
export function newMemory(bytes: number): { readonly fd: number; readonly name: string } | number {
  const MFD_CLOEXEC = 1;
  const name = `lkl-${process.pid}-${made++}`;
  const fd = hostCall('memfd_create', Buffer.from(`${name}\0`), MFD_CLOEXEC);
  if (fd < 0) return fd;
  const ret = hostCall('ftruncate', fd, BigInt(bytes));
  if (ret < 0) hostCall('close', fd);
  return ret < 0 ? ret : { fd, name };
}

export class Lending {
  readonly #needs: LendingNeeds;
  /** By process. */
  readonly #loans = new Map<number, Loan[]>();

  constructor(needs: LendingNeeds) {
    this.#needs = needs;
  }

  /** `number`, a descriptor of `file`, is this memory until mmap has been made. 0, or a negative errno. */
  lend(
    thread: Thread,
    noteId: bigint,
    {
      number,
      file,
      memory,
    }: {
      readonly number: number;
      readonly file: OpenFile;
      readonly memory: { readonly fd: number; readonly name: string };
    },
  ): number {
    const copy = this.#needs.copyDescriptor(thread, number);
    if (copy < 0) return copy;
    const ret = this.#needs.put(noteId, memory.fd, number, isCloexec(thread.tid, number));
    if (ret < 0) {
      hostCall('close', copy);
      return ret;
    }
    const loans = this.#loans.get(thread.tgid) ?? [];
    this.#loans.set(thread.tgid, [...loans, { tid: thread.tid, number, file, copy, name: memory.name }]);
    return 0;
  }

  /** What a number is while it is lent. */
  fileOf({ tgid, tid }: Thread, number: number): OpenFile | undefined {
    if (this.#loans.size === 0) return undefined;
    const loan = this.#loans.get(tgid)?.find((one) => one.number === number);
    return loan && isMemory(tid, loan) ? loan.file : undefined;
  }

  /** A call of the thread has come: what is mapped by now is given back first. */
  giveBack(thread: Thread, noteId: bigint): void {
    const loans = this.#loans.get(thread.tgid);
    if (!loans) return;
    const left = loans.filter((loan) => {
      if (loan.tid !== thread.tid && !isMapped(thread.tid, loan)) return true;
      // The number may have been closed, or be another file's, since.
      if (isMemory(thread.tid, loan))
        this.#needs.put(noteId, loan.copy, loan.number, isCloexec(thread.tid, loan.number));
      hostCall('close', loan.copy);
      return false;
    });
    if (left.length > 0) this.#loans.set(thread.tgid, left);
    else this.#loans.delete(thread.tgid);
  }

  gone(tgid: number): void {
    for (const { copy } of this.#loans.get(tgid) ?? []) hostCall('close', copy);
    this.#loans.delete(tgid);
  }

  close(): void {
    for (const tgid of [...this.#loans.keys()]) this.gone(tgid);
  }
}

function isMemory(tid: number, { number, name }: Loan): boolean {
  try {
    return readlinkSync(`/proc/${tid}/fd/${number}`).startsWith(`/memfd:${name} `);
  } catch {
    return false;
  }
}

function isMapped(tid: number, { name }: Loan): boolean {
  try {
    return readFileSync(`/proc/${tid}/maps`, 'latin1').includes(`/memfd:${name} `);
  } catch {
    return true;
  }
}

function isCloexec(tid: number, number: number): boolean {
  try {
    const [, flags = '0'] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${tid}/fdinfo/${number}`, 'latin1')) ?? [];
    return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch {
    return false;
  }
}
