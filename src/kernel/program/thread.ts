/** One thread of a program: a stack of the engine's, and the task whose user mode it is. */

import { SIGNAL_FRAME } from '../../abi/shared.ts';
import type { HostedTask } from '../hosted-task.ts';
import type { ProgramMemory } from './program-memory.ts';

/** Thrown through a program's stack that is never to go on. C cannot catch it, so no more of the program runs. */
export const gone: unknown = Object.freeze(new Error('this stack of a program is taken down'));

/**
 * A parent whose vfork child runs on its stack. It does not think meanwhile, nor when its call has returned and the stack is
 * not yet its own: the kernel wakes it in the middle of its child's exec, which a task that thinks would keep from going on.
 */
export class Lent {
  readonly parent: HostedTask;
  /** What its vfork answers, once the child has ended or has another program. */
  readonly pid = Promise.withResolvers<number>();
  readonly #goOn: () => void;
  /** Of two: the call's return, and the stack's. */
  #back = 0;

  constructor(parent: HostedTask) {
    this.parent = parent;
    this.#goOn = parent.pause();
    this.pid.promise.catch(() => {}); // there may be nobody left to hear of it
  }

  /** The parent's call has returned. */
  returned(pid: number): void {
    this.pid.resolve(pid);
    this.#oneMore();
  }

  /** The stack is the parent's again. */
  given(): void {
    this.#oneMore();
  }

  #oneMore(): void {
    this.#back++;
    if (this.#back === 2) this.#goOn();
  }
}

interface Frame {
  readonly task: HostedTask;
  readonly bytes: Uint8Array;
}

/** `Process` has the type of what has a memory: told so, since that has threads in turn. */
export class Thread<Process> {
  /** How the program names it in its calls. */
  readonly self: number;
  /** The task whose calls the stack makes: a vfork child's while it runs on the stack of its parent. */
  task: HostedTask;
  /** Innermost last. */
  readonly lent: Lent[] = [];
  readonly #frames: Frame[] = [];
  /** An exec has succeeded: the stack is over when its call returns. */
  replaced = false;
  /** Told of the task that its clone makes, when that is in user mode for the first time, and of what has the memory of that. */
  onChild: ((child: HostedTask, memory: Process | undefined) => void) | undefined;
  /** Calls it made since it was to end. */
  lastCalls = 0;
  /** Its stack has ended. */
  over = false;

  constructor(self: number, task: HostedTask) {
    this.self = self;
    this.task = task;
  }

  /** A handler is to be called. */
  push(bytes: Uint8Array): void {
    this.#frames.push({ task: this.task, bytes });
  }

  get hasFrames(): boolean {
    return this.#frames.length > 0;
  }

  /** The import `signal`: the next frame, in the order they came. Answers 1, or 0 when there is none. */
  takeFrame(memory: ProgramMemory, at: number): number {
    if (!memory.has(at, SIGNAL_FRAME.bytes)) return 0;
    const frame = this.#frames.shift();
    if (!frame) return 0;
    memory.bytes.set(frame.bytes, at);
    return 1;
  }

  /** The vfork child is done: the stack is its parent's again. What the child was still to handle is gone with it. */
  giveBack(): Lent | undefined {
    const lent = this.lent.pop();
    if (!lent) return undefined;
    const child = this.task;
    this.task = lent.parent;
    const rest = this.#frames.filter((frame) => frame.task !== child);
    this.#frames.splice(0, this.#frames.length, ...rest);
    lent.given();
    return lent;
  }
}
