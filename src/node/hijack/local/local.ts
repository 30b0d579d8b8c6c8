/** What our kernel cannot know of its sockets of AF_UNIX: the names that they have among files, who is behind them, and descriptors of the machine on their way. */

import { hostCall } from '../../native/calls.ts';
import type { OpenFile } from '../files/open-files.ts';
import type { KernelTask } from '../program/kernel-task.ts';
import type { Thread } from '../program/thread.ts';

/** struct ucred */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A descriptor of the machine's on its way. */
export interface Passing {
  /** Of this process. */
  readonly copy: number;
  /** The other end of what goes in its place: it hangs up once that is nowhere any more. */
  readonly peer: number;
}
const LOOK_AT = 64;
/** So many names of sockets that are closed are kept: who was connected to one may ask for it. */
const OLD_NAMES = 4096;

interface Name {
  /** The address that the program gave. */
  readonly address: Uint8Array;
  /** Whose it is; undefined: nobody's any more. */
  file: OpenFile | undefined;
}

export class Local {
  /** By their names in our kernel. */
  readonly #names = new Map<string, Name>();
  readonly #byFile = new Map<OpenFile, string>();
  /** Those of closed sockets, the oldest first; and those of them whose files are still there in our kernel. */
  readonly #old = new Set<string>();
  #left: string[] = [];
  /** A socket wants to hear who sends to it (SO_PASSCRED), and those that it accepts. */
  wantsSenders = false;
  /** By the tasks that play for them: for as long as this command runs, as those are for nobody else. */
  readonly #who = new Map<number, Credentials>();
  /** By the inode of what goes in its place through our kernel. */
  readonly #passing = new Map<bigint, Passing>();
  /** With so many it is time to look which of them nobody can receive any more. */
  #lookAt = LOOK_AT;

  named(name: string, address: Uint8Array, file: OpenFile): void {
    const before = this.#names.get(name)?.file;
    if (before) this.#byFile.delete(before);
    this.#old.delete(name);
    this.#names.set(name, { address, file });
    this.#byFile.set(file, name);
  }
  /** The address behind a name; undefined: it is no file's. */
  addressOf(name: string): Uint8Array | undefined {
    return this.#names.get(name)?.address;
  }
  /** A socket has it now. */
  has(name: string): boolean {
    return this.#names.get(name)?.file !== undefined;
  }
  closed(file: OpenFile): void {
    const name = this.#byFile.get(file);
    const named = name === undefined ? undefined : this.#names.get(name);
    if (name === undefined || !named) return;
    this.#byFile.delete(file);
    named.file = undefined;
    this.#left.push(name);
    this.#old.add(name);
    for (const oldest of this.#old) {
      if (this.#old.size <= OLD_NAMES) break;
      this.#old.delete(oldest);
      this.#names.delete(oldest);
    }
  }
  /** Names whose files are to be removed in our kernel: they are nobody's. */
  takeLeft(): readonly string[] {
    const left = this.#left.filter((name) => !this.has(name));
    this.#left = [];
    return left;
  }

  /** `thread` is about to be somebody whom others ask for: it connects, listens, sends. Sockets remember its task. */
  is({ tgid, proc }: Thread, task: KernelTask): void {
    const { uid, gid } = proc.identity;
    task.isKnown = true;
    this.#who.set(task.task.pid, { pid: tgid, uid, gid });
  }
  whoIs(pid: number): Credentials | undefined {
    return this.#who.get(pid);
  }

  passes(inode: bigint, passing: Passing): void {
    this.#passing.set(inode, passing);
  }
  /** Those that are on their way, when they have doubled since the last time. */
  get many(): readonly (readonly [inode: bigint, passing: Passing])[] {
    return this.#passing.size < this.#lookAt ? [] : [...this.#passing];
  }
  looked(): void {
    this.#lookAt = Math.max(LOOK_AT, 2 * this.#passing.size);
  }
  /** What is passed by it; it stays so, for a message may only have been looked at. */
  passed(inode: bigint): number | undefined {
    return this.#passing.get(inode)?.copy;
  }
  /** Answers the descriptor of our kernel by which one knows whether it is still on its way: it is to be closed. */
  arrived(inode: bigint): number | undefined {
    const passing = this.#passing.get(inode);
    if (passing) hostCall('close', passing.copy);
    this.#passing.delete(inode);
    return passing?.peer;
  }

  close(): void {
    for (const inode of [...this.#passing.keys()]) this.arrived(inode);
  }
}
