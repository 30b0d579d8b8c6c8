/** A system call of a hijacked thread that is being answered. */

import type { SyscallName } from '../../../abi/syscalls.ts';
import type { Lending } from '../files/lending.ts';
import type { FileFacts, HostHalf, OpenFile } from '../files/open-files.ts';
import type { Owners } from '../files/owners.ts';
import type { Notification } from '../host/listener.ts';
import type { CaughtCall } from '../host/numbers.ts';
import type { Local } from '../local/local.ts';
import type { Policy } from '../policy/policy.ts';
import type { Correspondents } from '../queues/correspondents.ts';
import type { Notices } from '../queues/notices.ts';
import type { Rings } from '../rings/rings.ts';
import type { Alarms } from '../time/alarms.ts';
import type { Answer } from './answer.ts';
import { negative } from './failed.ts';
import type { KernelTask } from './kernel-task.ts';
import { LateMemory } from './late-memory.ts';
import type { Thread } from './thread.ts';

export type Handler = (call: Call) => Answer | Promise<Answer>;

/** What answering takes beside the call itself. */
export interface Surroundings {
  readonly policy: Policy;
  /** Who is sent signals about which file. */
  readonly owners: Owners;
  fileOf(thread: Thread, fd: number): OpenFile | 'host' | 'none';
  /** The same of another process or thread, by its number or "self"; undefined: none of ours. */
  descriptorOf(thread: Thread, whose: string, fd: number): OpenFile | undefined;
  /** A copy of a descriptor of the program's, ours from now on; a negative errno. */
  copyDescriptor(thread: Thread, fd: number): number;
  /** Gives a file to the program while its call goes on; the number it has there, or a negative errno. */
  place(call: Call, opened: FileFacts, cloexec: boolean): number;
  /** Gives a copy of this process's descriptor to the program while its call goes on; the number it has there, or a negative errno. */
  placeHost(call: Call, fd: number, cloexec: boolean): number;
  /** Numbers that are memory while they are mapped. */
  readonly lending: Lending;
  /** Of packet sockets. */
  readonly rings: Rings;
  /** Of sockets of AF_UNIX, with `--all`. */
  readonly local: Local;
  /** Who is told of messages. */
  readonly notices: Notices;
  /** Who wrote to queues of messages. */
  readonly correspondents: Correspondents;
  /** Its thread still waits for the answer. */
  isWaiting(note: Notification): boolean;
  /** End the call that a task is in. */
  interrupt(task: KernelTask): void;
  /** `then` when one of the events of `epoll` is ready. Answers how to stop that. */
  whenReady(epoll: number, then: () => void): () => void;
  /** Milliseconds of the clock that the programs' waits go by. */
  nowMs(): number;
  /** Of processes, by our kernel's time. */
  readonly alarms: Alarms;
  newHostHalf(): HostHalf;
  /** A socket may wait in close(2) from now on (SO_LINGER), and those that it accepts. */
  lingers(): void;
  /** The kernel's task that plays for a process of the machine; undefined: none so far. */
  taskOf(pid: number): KernelTask | undefined;
  say(text: string): void;
}

const EINTR = negative('EINTR');
const EPIPE = negative('EPIPE');
const SOCK_STREAM = 1;
const MSG_NOSIGNAL = 0x4000;

export class Call {
  readonly name: CaughtCall;
  readonly thread: Thread;
  readonly note: Notification;
  readonly around: Surroundings;
  readonly #ended = Promise.withResolvers<void>();
  #memory: LateMemory | undefined;
  /** It ended with EPIPE as a stream's does, for which the thread is to get SIGPIPE. */
  isPipeBroken = false;
  /** The thread waits for it no more. */
  abandoned = false;
  /** What is done once its thread has the answer. */
  onAnswered: (() => void) | undefined;
  /** Told of it. */
  onAbandon: (() => void) | undefined;

  constructor(name: CaughtCall, thread: Thread, note: Notification, around: Surroundings) {
    this.name = name;
    this.thread = thread;
    this.note = note;
    this.around = around;
  }

  /** Most calls that the machine's kernel goes on with never ask for it. */
  get memory(): LateMemory {
    const isWaiting = () => !this.abandoned && this.around.isWaiting(this.note);
    this.#memory ??= new LateMemory(this.thread.tid, this.thread.memory, isWaiting);
    return this.#memory;
  }
  int(index: number): number {
    return this.note.int(index);
  }
  uint(index: number): number {
    return this.note.uint(index);
  }
  size(index: number): number {
    return this.note.size(index);
  }
  long(index: number): bigint {
    return this.note.long(index);
  }

  /** The file that argument `index` is a descriptor of; undefined: it is none of ours. */
  file(index: number): OpenFile | undefined {
    const found = this.around.fileOf(this.thread, this.int(index));
    return typeof found === 'object' ? found : undefined;
  }

  /** The task that makes the calls of this thread. */
  task(): KernelTask | Promise<KernelTask> {
    return this.thread.kernelTask();
  }

  /** A call of our kernel that may wait for long: EINTR once the thread does not wait for it any more. */
  async waiting(task: KernelTask, name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    if (this.abandoned) return EINTR;
    this.onAbandon = () => this.around.interrupt(task);
    const ret = await task.call(name, ...args);
    this.onAbandon = undefined;
    return ret;
  }

  /** Ends what `waiting` waits for, with EINTR; the thread still waits for its answer. */
  abandonCall(task: KernelTask): void {
    if (this.onAbandon) this.around.interrupt(task);
  }

  /** What a call that writes to `file` has answered. */
  written(file: OpenFile, ret: number, flags = 0): number {
    const isStream = file.type === SOCK_STREAM || file.isPipe === true;
    if (ret === EPIPE && isStream && (flags & MSG_NOSIGNAL) === 0) this.isPipeBroken = true;
    return ret;
  }

  abandon(): void {
    if (this.abandoned) return;
    this.abandoned = true;
    this.onAbandon?.();
  }

  /** It is answered. */
  end(): void {
    this.#ended.resolve();
  }
  get ended(): Promise<void> {
    return this.#ended.promise;
  }
}
