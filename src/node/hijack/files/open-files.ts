/**
 * The files of our kernel that programs have open. Each is a descriptor there, and for the programs a *placeholder*: one end of a
 * pair of sockets of the machine, whose other end is ours. What the machine's kernel does with descriptors (dup, fork,
 * exec, close, passing them on) it does with the placeholder; by its inode we know it again, and when the last descriptor of it
 * is gone our end hears that, and the file is closed.
 */

import { readFileSync } from 'node:fs';
import { errnos } from '../../../abi/errno.ts';
import { hostCall, socketPair } from '../../native/calls.ts';
import { ADD, DEL, type Events, epollControl, newEpoll, type ReadyEvent } from '../host/events.ts';
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
  readonly isPipe?: boolean;
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
  /**
   * Closes it here too, now that the program has it. One that the program has closed by then is closed at once: the other ends would be heard of in
   * their order, this one last, as ours was the last copy; and who closes a connection first is who keeps its port (TIME-WAIT).
   */
  given(): void;
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
    const ended = () => {
      this.#events.remove(watch, ours);
      hostCall('close', ours);
      // Forgotten before, it goes on under another.
      if (!this.#byInode.delete(file.inode)) return;
      file.epoll?.close();
      this.#close(file);
    };
    const watch = this.#events.add(ours, 0, ended);
    const given = () => {
      hostCall('close', placeholder);
      if (hostCall('recvfrom', ours, one, 1, MSG_PEEK | MSG_DONTWAIT, 0, 0) === 0) ended();
    };
    return { file, placeholder, given };
  }

  /** No program got it: it is not closed when its placeholder is. */
  forget(file: OpenFile): void {
    this.#byInode.delete(file.inode);
  }
}

const [MSG_PEEK, MSG_DONTWAIT] = [0x2, 0x40] as const;
const one = new Uint8Array(1);
const EPOLLIN = 1;
const EPOLLET = 0x8000_0000;
const EPOLLONESHOT = 0x4000_0000;
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

/** A descriptor of signalfd(2) in an epoll instance. Which signals it tells of can change: whoever waits looks. */
export interface SignalEvents {
  events: number;
  readonly data: bigint;
  /** The signals that were waiting when it was looked at last. */
  told: bigint;
}

/** The signals that a descriptor of signalfd(2) tells of; undefined: it is none. */
type SignalsOf = (theirs: number) => bigint | undefined;

/** The half of an epoll instance that has descriptors of the machine: of the program's, each under its number there. */
export class HostHalf {
  readonly fd = newEpoll();
  readonly #events: Events;
  readonly #waiting = new Set<() => void>();
  /** Those of signalfd(2), by their numbers: who asks them is told of his own signals. */
  readonly #signals = new Map<number, SignalEvents>();
  #watch: number | undefined;
  #count = 0;

  constructor(events: Events) {
    this.#events = events;
  }

  /** How many there are, or were. */
  get count(): number {
    return this.#count;
  }

  /** epoll_ctl(2) on a descriptor of signalfd(2). */
  controlSignals(op: number, theirs: number, watched: SignalEvents): number {
    // Another descriptor may have had the number: what is closed tells nobody.
    const has = this.#signals.has(theirs);
    if (op !== ADD && !has) return -errnos.ENOENT.number;
    if (op === DEL) this.#signals.delete(theirs);
    else this.#signals.set(theirs, watched);
    if (op === ADD && !has) this.#count++;
    return 0;
  }

  get hasSignals(): boolean {
    return this.#signals.size > 0;
  }

  /** All signals that somebody wants to hear of. `of` tells those of a descriptor, as the thread that waits has it. */
  signals(of: SignalsOf): bigint {
    let all = 0n;
    for (const [theirs, { events }] of this.#signals) if (events & EPOLLIN) all |= of(theirs) ?? 0n;
    return all;
  }

  /** What of these is ready for a thread for which those signals wait. */
  signalsNow(pending: bigint, of: SignalsOf): readonly ReadyEvent[] {
    const ready: ReadyEvent[] = [];
    for (const [theirs, watched] of this.#signals) {
      const { events, data, told } = watched;
      const found = pending === 0n ? 0n : pending & (of(theirs) ?? 0n);
      watched.told = found;
      // By edges: what has come since it was told last.
      const isNew = (events & EPOLLET) === 0 ? found !== 0n : (found & ~told) !== 0n;
      if (!isNew || (events & EPOLLIN) === 0) continue;
      if (events & EPOLLONESHOT) watched.events &= ~(EPOLLIN | 0x40);
      ready.push({ events: events & (EPOLLIN | 0x40), data });
    }
    return ready;
  }

  /** epoll_ctl(2) on descriptor `theirs`, a copy of which is `copy`. */
  control(op: number, theirs: number, copy: number, events: number, data: bigint): number {
    // An instance knows a file by its number too: the same each time. Another file may have the number as well.
    const { from, count } = slots();
    const slot = from + (theirs % count);
    const ready = hostCall('dup3', copy, slot, O_CLOEXEC);
    if (ready < 0) return ready;
    const ret = epollControl(this.fd, op, slot, events, data);
    if (ret === 0) this.#signals.delete(theirs);
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
