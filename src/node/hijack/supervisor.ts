/** Answers the calls of hijacked programs: takes each from the listener, lets our kernel or the machine's answer, and knows when it is over. */

import { errnos } from '../../abi/errno.ts';
import { KernelDead, TaskExited } from '../../kernel/errors.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { hostCall } from '../native/calls.ts';
import { handlers } from './calls/handlers.ts';
import { timersGone } from './calls/time/process-timers.ts';
import { Lending } from './files/lending.ts';
import { letGo } from './files/lingering.ts';
import { HostHalf, type OpenFile, OpenFiles } from './files/open-files.ts';
import { Owners } from './files/owners.ts';
import { nowMs } from './host/clock.ts';
import { Events, HUP, IN, ONESHOT } from './host/events.ts';
import { Listener, type Notification } from './host/listener.ts';
import { auditArch, nameOf } from './host/numbers.ts';
import { Local } from './local/local.ts';
import type { Policy } from './policy/policy.ts';
import type { Answer, NewDescriptor } from './program/answer.ts';
import { Call, type Surroundings } from './program/call.ts';
import { CallFailed } from './program/failed.ts';
import type { HijackedKernel } from './program/kernel.ts';
import { KernelTasks } from './program/kernel-task.ts';
import { Processes } from './program/processes.ts';
import type { Thread } from './program/thread.ts';
import { Correspondents } from './queues/correspondents.ts';
import { Notices } from './queues/notices.ts';
import { Rings } from './rings/rings.ts';
import { Alarms } from './time/alarms.ts';
import { computedMs } from './time/at-work.ts';
import { lookNow } from './time/looks.ts';
import { Pace } from './time/pace.ts';
import { readClocksByCalls } from './time/vdso.ts';

/** Told of each call that our kernel answers, before the thread goes on; what it gives back is told the answer. */
export type CallWatch = (call: Call) => (answer: number | bigint) => void;

export interface SupervisorOptions {
  readonly kernel: HijackedKernel;
  readonly listener: number;
  readonly policy: Policy;
  /** The machine may connect: with virtual time it is waited for. */
  readonly isOpen?: boolean | undefined;
  /** A line for people. */
  readonly say: (text: string) => void;
  readonly watch?: CallWatch | undefined;
  /** Told of each process whose first call has come. */
  readonly came: (pid: number) => void;
  /** Told of each of them that has ended. */
  readonly gone: (pid: number) => void;
}

const ENOENT = -errnos.ENOENT.number;
const ENOSYS = -errnos.ENOSYS.number;
const EMFILE = -errnos.EMFILE.number;
const ENOMEM = -errnos.ENOMEM.number;
const EINTR = -errnos.EINTR.number;
const SIGPIPE = 13;
/** Calls that are received before the first of them is answered. */
const TOGETHER = 16;
/** After so many rounds of events other work of the event loop gets its turn. */
const ROUNDS = 64;
/** Calls that wait are asked so often whether their threads still do. */
const LOOK_MS = 25;
/** But for so many times as long as it takes: the machine's kernel looks for each among all that wait. */
const LOOK_SHARE = 20;

/** Whatever the handler of a signal says (SA_RESTART), these are not made again (signal(7)); a thread that waits for its supervisor makes all again. */
const endedBySignals: ReadonlySet<string> = new Set([
  'poll',
  'ppoll',
  'select',
  'pselect6',
  'epoll_wait',
  'epoll_pwait',
  'epoll_pwait2',
  'msgsnd',
  'msgrcv',
]);
/** What such a call has found stays so (poll, select); or it was told once, or is done: then that is the answer. */
const isDone = (name: string, answer: number): boolean =>
  name.startsWith('epoll') ? answer > 0 : name.startsWith('msg') && answer >= 0;

export class Supervisor {
  readonly #kernel: HijackedKernel;
  readonly #events: Events;
  readonly #listener: Listener;
  readonly #files: OpenFiles;
  readonly #tasks: KernelTasks;
  readonly #processes: Processes;
  readonly #around: Surroundings;
  readonly #options: SupervisorOptions;
  /** Files that are being closed: what comes next may want what they had, a port for instance. */
  #closing: Promise<unknown> | undefined;
  /** Calls under way. */
  readonly #waiting = new Set<Call>();
  #look: ReturnType<typeof setTimeout> | undefined;
  readonly #pace: Pace | undefined;
  /** Sockets may wait in close(2) until what they sent has arrived. */
  #lingers = false;
  /** Processes that read no clock without a call. */
  readonly #byCalls = new Set<number>();
  #isClockTold = false;
  #isForeignTold = false;
  /** A call was handed to the machine's kernel without waiting for ours. */
  #hasAnswered = false;
  readonly #over = Promise.withResolvers<void>();

  constructor(options: SupervisorOptions) {
    const { kernel, listener, policy, say } = options;
    this.#kernel = kernel;
    this.#options = options;
    this.#events = new Events(() => this.#take());
    this.#listener = new Listener(listener);
    this.#files = new OpenFiles(this.#events, (file) => this.#closed(file));
    const isVirtual = kernel.engine.clock.policy === 'virtual';
    this.#tasks = new KernelTasks(kernel, isVirtual ? () => this.#pace?.called() : undefined);
    this.#processes = new Processes(this.#events, this.#tasks, {
      unheard: (answers) => this.#unheard(answers),
      came: options.came,
      gone: (pid) => {
        this.#byCalls.delete(pid);
        this.#around.alarms.gone(pid);
        timersGone(pid);
        this.#around.lending.gone(pid);
        this.#around.notices.gone(pid);
        options.gone(pid);
      },
    });
    this.#around = {
      policy,
      say,
      owners: new Owners({ newTask: () => this.#tasks.take(undefined), processes: () => this.processes }),
      fileOf: (thread, fd) => this.#fileOf(thread, fd),
      descriptorOf: (thread, whose, fd) => this.#descriptorOf(thread, whose, fd),
      copyDescriptor: (thread, fd) => this.#processes.copyDescriptor(thread, fd),
      place: (call, opened, cloexec) => this.#place(call, { opened, cloexec }, false),
      placeHost: (call, fd, cloexec) => this.#listener.place(call.note.id, fd, { cloexec, answers: false }),
      isWaiting: ({ id }) => this.#listener.isValid(id),
      local: new Local(),
      lending: new Lending({
        copyDescriptor: (thread, fd) => this.#processes.copyDescriptor(thread, fd),
        put: (id, fd, at, cloexec) => Math.min(0, this.#listener.place(id, fd, { cloexec, answers: false, at })),
      }),
      rings: new Rings({
        newTask: () => this.#tasks.take(undefined),
        done: (task) => void this.#tasks.give(task),
        interrupt: ({ task }) => kernel.engine.interrupt(task),
      }),
      notices: new Notices({
        newTask: () => this.#tasks.take(undefined),
        done: (task) => void this.#tasks.give(task),
        interrupt: ({ task }) => kernel.engine.interrupt(task),
      }),
      correspondents: new Correspondents(),
      interrupt: ({ task }) => kernel.engine.interrupt(task),
      whenReady: (epoll, then) => {
        const watch = this.#events.add(epoll, IN | ONESHOT, then);
        return () => this.#events.remove(watch, epoll);
      },
      nowMs: policy.keepsTime ? () => kernel.engine.clock.nowNs / 1e6 : nowMs,
      alarms: new Alarms({
        newTask: () => this.#tasks.take(undefined),
        done: (task) => void this.#tasks.give(task),
        interrupt: ({ task }) => kernel.engine.interrupt(task),
        nowNs: () => kernel.engine.clock.nowNs,
        rang: () => this.#pace?.called(),
        kept: () => this.#pace?.waits(),
      }),
      newHostHalf: () => new HostHalf(this.#events),
      lingers: () => {
        this.#lingers = true;
      },
      taskOf: (pid) => this.#processes.threadOf(pid)?.task,
    };
    this.#events.addLast(listener, IN, (events) => {
      if (events & IN) this.#receive();
      else if (events & HUP) this.#over.resolve();
    });
    if (isVirtual)
      this.#pace = new Pace({
        engine: kernel.engine,
        threads: () => this.#processes.waits(),
        processes: () => this.processes,
        isOpen: options.isOpen ?? false,
        computedMs,
        hasCome: lookNow,
        outside(until) {
          kernel.init.attach();
          void kernel.init.waitForOutside(until).finally(() => kernel.init.detach());
        },
      });
    // It is not for a program that it calls from now on: time does not wait for it.
    kernel.init.detach();
    kernel.engine.onDeath((dead) => this.#over.reject(dead));
  }

  /** Settles when no program is left; rejects when our kernel ends before. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Those that have not ended, by their numbers. */
  get processes(): readonly number[] {
    return this.#processes.numbers;
  }

  /** Calls that still come are answered with ENOSYS by the machine's kernel. */
  close(): void {
    clearTimeout(this.#look);
    this.#pace?.close();
    // No program is left; a kernel that goes on keeps none of their files.
    for (const file of this.#files.all) this.#closeFd(file.fd);
    for (const part of [this.#around.local, this.#around.lending, this.#around.rings]) part.close();
    this.#events.close();
    hostCall('close', this.#listener.fd);
  }

  #take(): void {
    for (let round = 0; round < ROUNDS; round++) {
      this.#hasAnswered = false;
      if (this.#events.take(round > 0) === 0 || !this.#hasAnswered) return;
    }
  }

  /**
   * Several calls at once, before the first of them is answered. The machine's kernel looks for one that is new through all that wait, and at each question
   * whether there is one for one that has been received, too: with a thousand threads that cost more than their calls. Where some are received and not yet
   * answered it finds both at the beginning.
   */
  #receive(): void {
    const notes: Notification[] = [];
    for (let more = true; more; ) {
      const note = this.#listener.receive();
      if (note) notes.push(note);
      // Asked after each: files that were closed before one of these calls are closed in our kernel before any of them is looked at.
      more = notes.length > 0 && notes.length < TOGETHER && ((this.#events.takeOthers() ?? 0) & IN) !== 0;
    }
    for (const [i, note] of notes.entries()) if (i === 0 || this.#listener.isValid(note.id)) this.#came(note);
  }

  #came(note: Notification): void {
    const name = note.arch === auditArch ? nameOf(note.nr) : undefined;
    const thread = name && this.#processes.thread(note.tid);
    if (name === undefined) this.#tellForeign();
    if (name === 'exit' && thread) this.#processes.ended(thread);
    this.#pace?.called();
    if (thread && this.#options.policy.keepsTime) this.#keepTime(name, thread);
    if (thread) this.#around.lending.giveBack(thread, note.id);
    if (name === undefined || name === 'exit' || !thread || name === 'execve' || name === 'execveat') {
      this.#listener.goOn(note.id);
      return;
    }
    const call = new Call(name, thread, note, this.#around);
    const before = thread.current;
    if (!before) {
      this.#begin(call);
      return;
    }
    // A thread makes one call at a time: it does not wait for that one any more.
    before.abandon();
    before.ended.then(() => {
      if (this.#listener.isValid(note.id)) this.#came(note);
    });
  }

  /** A program that is new to its process reads the clocks of the machine, until now. */
  #keepTime(name: string, { tgid }: Thread): void {
    if (name === 'execve' || name === 'execveat') this.#byCalls.delete(tgid);
    else if (!this.#byCalls.has(tgid)) {
      this.#byCalls.add(tgid);
      if (readClocksByCalls(tgid) || this.#isClockTold) return;
      this.#isClockTold = true;
      this.#options.say('this machine lets nobody change how programs read clocks: theirs are its own');
    }
  }

  /** A program of another kind than this machine's own. */
  #tellForeign(): void {
    if (!this.#isForeignTold)
      this.#options.say('a program of 32 bits is among these: its calls go to this machine, not to the kernel here');
    this.#isForeignTold = true;
  }

  #begin(call: Call): void {
    const kept = call.thread.takeKept(call.note);
    if (kept) this.#finish(call, asKept(call, kept));
    else if (this.#closing) this.#later(call, this.#afterClosing(call));
    else {
      const answer = this.#answerOf(call);
      if (answer instanceof Promise) this.#later(call, answer);
      else this.#finish(call, answer);
    }
  }

  async #afterClosing(call: Call): Promise<Answer> {
    await this.#closing;
    return call.abandoned ? EINTR : this.#answerOf(call);
  }

  #answerOf(call: Call): Answer | Promise<Answer> {
    try {
      return handlers[call.name]?.(call) ?? 'host';
    } catch (cause) {
      return errnoOf(cause);
    }
  }

  #later(call: Call, answer: Promise<Answer>): void {
    call.thread.current = call;
    this.#waiting.add(call);
    this.#look ??= setTimeout(() => this.#lookAfter(), LOOK_MS);
    this.#pace?.waits();
    answer.catch(errnoOf).then(
      (found) => {
        this.#done(call);
        this.#finish(call, found);
        call.end();
        const { task } = call.thread;
        if (task) this.#kernel.engine.yields(task.task);
      },
      (cause: unknown) => {
        this.#done(call);
        this.#failed(call, cause);
        call.end();
      },
    );
  }

  #done(call: Call): void {
    if (call.thread.current === call) call.thread.current = undefined;
    this.#waiting.delete(call);
  }

  /** Not an errno: our kernel has ended, or this program has a fault, which the hijacked one is not to hang of. */
  #failed(call: Call, cause: unknown): void {
    this.#listener.answer(call.note.id, ENOSYS);
    if (cause instanceof KernelDead) return;
    this.#options.say(`${call.name}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`);
  }

  /** A signal ends a call without a word to us. */
  #lookAfter(): void {
    const beganMs = nowMs();
    for (const call of this.#waiting) if (!call.abandoned && !this.#listener.isValid(call.note.id)) call.abandon();
    const tookMs = nowMs() - beganMs;
    this.#look =
      this.#waiting.size > 0 ? setTimeout(() => this.#lookAfter(), Math.max(LOOK_MS, LOOK_SHARE * tookMs)) : undefined;
  }

  #finish(call: Call, answer: Answer): void {
    this.#pace?.called();
    if (answer === 'host') {
      this.#listener.goOn(call.note.id);
      this.#hasAnswered = true;
      return;
    }
    const tell = this.#options.watch?.(call);
    if (typeof answer !== 'object') {
      const signalled = call.isPipeBroken && this.#signal(call);
      if (this.#listener.answer(call.note.id, answer)) tell?.(answer);
      else this.#notHeard(call, answer);
      if (signalled) signalled();
      call.onAnswered?.();
      return;
    }
    const number = this.#place(call, answer, true);
    if (number === ENOENT) this.#notHeard(call, answer);
    else {
      if (number < 0) this.#listener.answer(call.note.id, number);
      tell?.(number);
    }
  }

  /**
   * SIGPIPE, which our kernel cannot send. Without a handler it comes before the answer, so that a program which it ends does nothing more; a
   * handler is called after it, or the answer would be EINTR. Answers what is to be done then.
   */
  #signal({ thread }: Call): (() => void) | undefined {
    const send = () => void hostCall('tgkill', thread.tgid, thread.tid, SIGPIPE);
    if (thread.proc.catches(SIGPIPE)) return send;
    send();
    return undefined;
  }

  /** Nobody waits: kept until the call is made again, unless that is to do it anew. A wait that a signal has ended is EINTR then. */
  #notHeard(call: Call, answer: Answer): void {
    const isWait = endedBySignals.has(call.name);
    if (!this.#processes.has(call.thread) || (answer === EINTR && !isWait)) this.#unheard([answer]);
    // What poll and select found they find again, if it is still so; edges an epoll instance tells once.
    else if (isWait && !(typeof answer !== 'object' && isDone(call.name, Number(answer))))
      call.thread.keep(call.note, EINTR, []);
    else this.#unheard(call.thread.keep(call.note, answer, call.memory.late));
  }

  /** What would have become descriptors goes. */
  #unheard(answers: readonly Answer[]): void {
    for (const answer of answers) if (typeof answer === 'object') this.#closeFd(answer.opened.fd);
  }

  /** The number of a new descriptor in the program; a negative errno: there is none, and but for ENOENT the file is closed. */
  #place(call: Call, { opened, cloexec }: NewDescriptor, answers: boolean): number {
    let made: ReturnType<OpenFiles['add']>;
    try {
      made = this.#files.add(opened);
    } catch {
      this.#closeFd(opened.fd);
      return EMFILE;
    }
    const number = this.#listener.place(call.note.id, made.placeholder, { cloexec, answers });
    // Kept, it is given a placeholder of its own later.
    if (number < 0) this.#files.forget(made.file);
    made.given();
    if (number < 0 && (number !== ENOENT || !answers)) this.#closeFd(opened.fd);
    return number;
  }

  #fileOf(thread: Thread, fd: number): OpenFile | 'host' | 'none' {
    const found = thread.proc.descriptor(fd);
    if (typeof found === 'string')
      return found === 'none' ? 'none' : (this.#around.lending.fileOf(thread, fd) ?? 'host');
    return this.#files.get(found) ?? 'host';
  }

  #descriptorOf(thread: Thread, whose: string, fd: number): OpenFile | undefined {
    const inode = /^\d/.test(whose) ? this.#processes.inodeOf(Number(whose), fd) : thread.proc.descriptor(fd);
    return typeof inode === 'number' ? this.#files.get(inode) : undefined;
  }

  #closed(file: OpenFile): void {
    this.#around.owners.closed(file);
    this.#around.rings.closed(file);
    this.#around.local.closed(file);
    this.#closeFd(file.fd, this.#around.notices.closed(file));
  }

  #closeFd(fd: number, before?: Promise<unknown>): void {
    const { init } = this.#kernel;
    const close = () => init.syscall('close', fd).catch(() => 0);
    // One after the other: what is asked before has one place in its task's memory.
    const alone = this.#lingers ? (this.#closing?.then(() => letGo(init, fd)) ?? letGo(init, fd)) : undefined;
    const first = alone ? Promise.all([alone.catch(() => {}), before]) : before;
    const closing = first ? first.then(close) : close();
    const all: Promise<unknown> = Promise.all([closing, this.#closing]).then(() => {
      if (this.#closing === all) this.#closing = undefined;
    });
    this.#closing = all;
  }
}

/** What the call gave while nobody waited is the program's now. */
function asKept({ memory }: Call, { answer, late }: NonNullable<ReturnType<Thread['takeKept']>>): Answer {
  try {
    for (const { at, bytes } of late) memory.write(at, bytes);
    return answer;
  } catch (cause) {
    return errnoOf(cause);
  }
}

/** What a handler refused, or our kernel a thread: memory for its task, for instance. */
function errnoOf(cause: unknown): number {
  if (cause instanceof CallFailed) return -cause.errno;
  if (cause instanceof KernelError) return -cause.number;
  if (cause instanceof TaskExited) return ENOMEM; // nobody else ends tasks
  throw cause;
}
