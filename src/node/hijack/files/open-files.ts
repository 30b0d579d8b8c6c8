/**
 * The files of our kernel that programs have open. Each is a descriptor there, and for the programs a *placeholder*: one end of a
 * pair of sockets of the machine, whose other end is ours. What the machine's kernel does with descriptors (dup, fork,
 * exec, close, passing them on) it does with the placeholder; by its inode we know it again, and when the last descriptor of it
 * is gone our end hears that, and the file is closed.
 */

import { readFileSync } from 'node:fs';
import { hostCall, socketPair } from '../../native/calls.ts';
import { ADD, type Events, epollControl, newEpoll } from '../host/events.ts';
import { inodeOf } from '../program/proc.ts';

/** What our kernel knows it by, and what we keep of it. */
export interface FileFacts {
  /** The descriptor in our kernel. */
  readonly fd: number;
  /** Of a socket. */
  readonly family?: number;
  /** Of a socket: its type without flags. */
  readonly type?: number;
  /** A file or directory by a path. */
  readonly isFile?: boolean;
  /** Of an epoll instance: its half on the machine. */
  readonly epoll?: HostHalf;
}

export interface OpenFile extends FileFacts {
  readonly inode: number;
}

/** A file before a program has it. */
export interface NewFile {
  readonly file: OpenFile;
  /** The end for the program. */
  readonly placeholder: number;
}

export class OpenFiles {
  readonly #events: Events;
  readonly #close: (file: OpenFile) => void;
  readonly #byInode = new Map<number, OpenFile>();

  /** `close` is told of each file that no program has any more. */
  constructor(events: Events, close: (file: OpenFile) => void) {
    this.#events = events;
    this.#close = close;
  }

  get(inode: number): OpenFile | undefined {
    return this.#byInode.get(inode);
  }

  /** Of all programs. */
  get all(): readonly OpenFile[] {
    return [...this.#byInode.values()];
  }

  get count(): number {
    return this.#byInode.size;
  }

  /** Throws where this process has no descriptors left. Close the placeholder once the program has it, or will not. */
  add(facts: FileFacts): NewFile {
    const [ours, placeholder] = socketPair();
    if (placeholder >= slots().from) {
      for (const fd of [ours, placeholder]) hostCall('close', fd);
      throw new Error('this process has no descriptors left');
    }
    const file = { ...facts, inode: inodeOf(placeholder) };
    this.#byInode.set(file.inode, file);
    const watch = this.#events.add(ours, 0, () => {
      this.#events.remove(watch, ours);
      hostCall('close', ours);
      // Forgotten before, it goes on under another.
      if (!this.#byInode.delete(file.inode)) return;
      file.epoll?.close();
      this.#close(file);
    });
    return { file, placeholder };
  }

  /** No program got it: it is not closed when its placeholder is. */
  forget(file: OpenFile): void {
    this.#byInode.delete(file.inode);
  }
}

const EPOLLIN = 1;
const EPOLLET = 0x8000_0000;
const O_CLOEXEC = 0o2000000;
/** Descriptors of this process from here on are used for a moment only. */
const MOST_SLOTS = 65_536;

interface Slots {
  readonly from: number;
  readonly count: number;
}
let known: Slots | undefined;

/** The upper part of what this process may have (RLIMIT_NOFILE). */
function slots(): Slots {
  if (known) return known;
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
  const limit = soft === undefined ? 2 * MOST_SLOTS : Number(soft);
  const from = Math.min(MOST_SLOTS, Math.floor(limit / 2));
  known = { from, count: Math.min(MOST_SLOTS, limit - from) };
  return known;
}

/** The half of an epoll instance that has descriptors of the machine: of the program's, each under its number there. */
export class HostHalf {
  readonly fd = newEpoll();
  readonly #events: Events;
  readonly #waiting = new Set<() => void>();
  #watch: number | undefined;
  #count = 0;

  constructor(events: Events) {
    this.#events = events;
  }

  /** How many there are, or were. */
  get count(): number {
    return this.#count;
  }

  /** epoll_ctl(2) on descriptor `theirs`, a copy of which is `copy`. */
  control(op: number, theirs: number, copy: number, events: number, data: bigint): number {
    // An instance knows a file by its number too: the same each time. Another file may have the number as well.
    const { from, count } = slots();
    const slot = from + (theirs % count);
    const ready = hostCall('dup3', copy, slot, O_CLOEXEC);
    if (ready < 0) return ready;
    const ret = epollControl(this.fd, op, slot, events, data);
    hostCall('close', slot);
    if (ret === 0 && op === ADD) {
      this.#count++;
      this.#watch ??= this.#events.add(this.fd, EPOLLIN | EPOLLET, () => {
        for (const then of this.#waiting) then();
      });
    }
    return ret;
  }

  /** Calls `then` whenever something here may have become ready. Answers how to stop that. */
  subscribe(then: () => void): () => void {
    this.#waiting.add(then);
    return () => this.#waiting.delete(then);
  }

  close(): void {
    if (this.#watch !== undefined) this.#events.remove(this.#watch, this.fd);
    hostCall('close', this.fd);
  }
}
