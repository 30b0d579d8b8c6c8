/** What our kernel cannot know of its sockets of AF_UNIX: the names that they have among files, who is behind them, and descriptors of the machine on their way. */

import { hostCall } from '../../native/calls.ts';
import type { Thread } from '../program/thread.ts';

/** struct ucred */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export class Local {
  /** By their names in our kernel: the addresses that programs gave. */
  readonly #names = new Map<string, Uint8Array>();
  /** By the tasks that play for them. */
  readonly #who = new Map<number, Credentials>();
  /** By the inode of what goes in its place through our kernel: a descriptor of this process. */
  readonly #passing = new Map<bigint, number>();

  named(name: string, address: Uint8Array): void {
    this.#names.set(name, address);
  }
  /** The address behind a name; undefined: it is no file's. */
  addressOf(name: string): Uint8Array | undefined {
    return this.#names.get(name);
  }

  /** `thread` is about to be somebody whom others ask for: it connects, listens, sends. */
  is({ tgid, proc }: Thread, pid: number): void {
    const { uid, gid } = proc.identity;
    this.#who.set(pid, { pid: tgid, uid, gid });
  }
  whoIs(pid: number): Credentials | undefined {
    return this.#who.get(pid);
  }

  passes(inode: bigint, fd: number): void {
    this.#passing.set(inode, fd);
  }
  /** What is passed by it; it stays so, for a message may only have been looked at. */
  passed(inode: bigint): number | undefined {
    return this.#passing.get(inode);
  }
  arrived(inode: bigint): void {
    const fd = this.#passing.get(inode);
    if (fd !== undefined) hostCall('close', fd);
    this.#passing.delete(inode);
  }

  close(): void {
    for (const inode of [...this.#passing.keys()]) this.arrived(inode);
  }
}
