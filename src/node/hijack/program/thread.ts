/** A thread of a hijacked program: its memory, its descriptors, its task in our kernel, and the call that it waits in. */

import { nowMs } from '../host/clock.ts';
import type { Notification } from '../host/listener.ts';
import type { Answer } from './answer.ts';
import type { KernelTask, KernelTasks } from './kernel-task.ts';
import type { LateWrite } from './late-memory.ts';
import { ProgramMemory } from './memory.ts';
import { ThreadProc } from './proc.ts';

/** A call that was made while its thread had stopped waiting for it, as a signal came: answered when it is made again. */
interface Kept {
  readonly note: Notification;
  readonly answer: Answer;
  readonly late: readonly LateWrite[];
  readonly sinceMs: number;
}

/** What a thread knows of the call that it waits in. */
export interface CurrentCall {
  abandon(): void;
  readonly ended: Promise<void>;
}

const KEPT_MS = 5000;

export class Thread {
  readonly tid: number;
  /** Its process. */
  readonly tgid: number;
  readonly memory: ProgramMemory;
  readonly proc: ThreadProc;
  readonly #tasks: KernelTasks;
  readonly #parent: KernelTask | undefined;
  #ready: KernelTask | undefined;
  #making: Promise<KernelTask> | undefined;
  #kept: Kept[] = [];
  #gone = false;
  /** The call under way that does not end at once. */
  current: CurrentCall | undefined;

  constructor(tid: number, tgid: number, tasks: KernelTasks, parent: KernelTask | undefined) {
    this.tid = tid;
    this.tgid = tgid;
    this.memory = new ProgramMemory(tid);
    this.proc = new ThreadProc(tid);
    this.#tasks = tasks;
    this.#parent = parent;
  }

  /** Its task, if it has one by now. */
  get task(): KernelTask | undefined {
    return this.#ready;
  }

  /** Whose network namespace it and those that it makes have: its own task's, or that of who made it. */
  get heritage(): KernelTask | undefined {
    return this.#ready ?? this.#parent;
  }

  /** The one that is there, or a promise of it. */
  kernelTask(): KernelTask | Promise<KernelTask> {
    if (this.#ready && !this.#ready.task.gone) return this.#ready;
    // None yet, or it was killed, for want of memory.
    this.#making ??= this.#tasks
      .take(this.#parent)
      .then((task) => {
        this.#ready = task;
        if (this.#gone) this.#release();
        return task;
      })
      .finally(() => {
        this.#making = undefined;
      });
    return this.#making;
  }

  keep(note: Notification, answer: Answer, late: readonly LateWrite[]): readonly Answer[] {
    const now = nowMs();
    const old = this.#kept.filter((kept) => now - kept.sinceMs > KEPT_MS || kept.note.repeats(note));
    this.#kept = [...this.#kept.filter((kept) => !old.includes(kept)), { note, answer, late, sinceMs: now }];
    return old.map((kept) => kept.answer);
  }

  /** What the call was answered before, when nobody heard. */
  takeKept(note: Notification): Pick<Kept, 'answer' | 'late'> | undefined {
    if (this.#kept.length === 0) return undefined;
    const found = this.#kept.find((kept) => kept.note.repeats(note));
    if (!found) return undefined;
    this.#kept = this.#kept.filter((kept) => kept !== found);
    return nowMs() - found.sinceMs > KEPT_MS ? undefined : found;
  }

  /** It has ended. Answers what nobody will hear any more. */
  end(): readonly Answer[] {
    this.#gone = true;
    this.proc.close();
    this.current?.abandon();
    this.#release();
    return this.#kept.splice(0).map((kept) => kept.answer);
  }

  #release(): void {
    const task = this.#ready;
    if (!task) return;
    this.#ready = undefined;
    // Not before its last call has ended.
    if (this.current) void this.current.ended.then(() => this.#tasks.give(task));
    else void this.#tasks.give(task);
  }
}
