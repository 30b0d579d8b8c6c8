/** The machine under one kernel: its wasm instance, interrupts, idle time, user tasks and devices. */

import type { ExportName } from '../abi/exports.ts';
import { IRQ, SHARED, TASK_INFO } from '../abi/shared.ts';
import { KernelDead, type KernelEnd, TaskExited } from './errors.ts';
import type { ClockPolicy, Host } from './host.ts';
import { HostedTask } from './hosted-task.ts';
import { Console } from './log/console.ts';
import { HOST_BYTES, type ImportHandlers, type Machine } from './machine.ts';
import { KernelMemory, type Ptr, plus, ptr } from './memory.ts';
import { plainImports } from './plain-imports.ts';
import { Programs } from './program/programs.ts';
import { Scheduler } from './tasks/scheduler.ts';
import { Settling } from './tasks/settling.ts';
import { readTaskList, type TaskInfo } from './tasks/task-list.ts';
import { TaskTable } from './tasks/task-table.ts';
import { Stacks, unwinding } from './tasks/unwinding.ts';
import { UserMode } from './tasks/user-mode.ts';
import { Clock } from './time/clock.ts';
import { IdleTime } from './time/idle-time.ts';
import { type Device, DeviceSlots, type IoLedger } from './virtio/device-slots.ts';

export interface EngineOptions {
  readonly host: Host;
  readonly clock: ClockPolicy;
  /** Bytes memory may grow to. */
  readonly memoryLimit: number;
  readonly commandLine: string;
  /** Made from a snapshot: tasks have C stacks but no engine stacks yet. */
  readonly restored: boolean;
}

/**
 * Shared by every way to make a kernel (boot, restore): answers the imports of its machine, then runs `start` or `resume`.
 * Exactly one stack of the kernel runs at a time, or none: then it is *idle*, or *held* while a program that plays a task
 * thinks. Whatever is to wake it sets a bit of `irq_pending` and interrupts.
 */
export class Engine {
  readonly memory: KernelMemory;
  readonly console = new Console();
  readonly #options: EngineOptions;
  readonly #machine: Machine;
  readonly #shared: Ptr;
  readonly #scheduler: Scheduler;
  readonly clock: Clock;

  /** Modules that run as processes. */
  readonly programs: Programs;

  readonly #tasks = new TaskTable();
  readonly #slots = new DeviceSlots();
  readonly #time: IdleTime;

  #idle: Parked<void> | undefined;
  readonly #user: UserMode;
  #ioInFlight = 0;
  /** Waits for the export `supers` to be done. */
  #supers: PromiseWithResolvers<string> | undefined;
  readonly #mends = new Set<() => boolean>();
  readonly #settling = new Settling();
  #dead: KernelDead | undefined;
  /** Those who wait have heard of it. */
  #told = false;
  readonly #deaths: ((dead: KernelDead) => void)[] = [];
  readonly #stacks: Stacks;
  /** Hear that nothing of it is left. */
  readonly #gone: (() => void)[] = [];

  constructor(machine: Machine, options: EngineOptions) {
    this.#options = options;
    this.#machine = machine;
    // Its own, so that nobody sees by it what is there after this kernel.
    this.memory = new KernelMemory(machine.memory.memory);
    const log = (text: string) => this.console.append(new TextEncoder().encode(text));
    this.programs = new Programs(this.memory, log);
    this.#shared = ptr(machine.call('shared'));
    this.memoryLimit = options.memoryLimit;
    this.clock = new Clock(options.clock, this.memory, this.#shared, options.host);
    this.#time = new IdleTime({
      clock: this.clock,
      host: options.host,
      isIdle: () => this.#idle !== undefined,
      mayPass: () => this.#mayPass(),
      someTimeout: () => this.#tasks.some((task) => task.waitsWithTimeout),
      someOutside: () => this.#tasks.counts.waitOutside > 0,
      interrupt: () => this.#interrupt(),
      deadlock: () => this.#deadlock(),
    });
    this.#user = new UserMode({
      othersCouldRun: () => this.memory.u32(plus(this.#shared, SHARED.runnable)) !== 0,
      interrupt: () => this.#interrupt(),
      turn: () => options.host.turn(),
      isTurnDear: options.host.isTurnDear ?? false,
      monotonicNs: options.host.isRepeatable ? undefined : () => options.host.monotonicNs(),
    });
    const die = (cause: unknown) => this.die(cause);
    this.#stacks = new Stacks(die, () => this.#seeWhetherGone());
    const entry = machine.promising('task_entry');
    const enter = (task: number, sp: number) => this.#stacks.begin(() => entry(task, sp));
    this.#scheduler = new Scheduler(enter, die, options.restored);
    machine.bind(this.#imports());
  }

  /** Bytes memory may grow to. */
  get memoryLimit(): number {
    return this.memory.u32(plus(this.#shared, SHARED.memoryLimit));
  }
  set memoryLimit(bytes: number) {
    this.memory.setU32(plus(this.#shared, SHARED.memoryLimit), bytes);
  }

  /** Bytes of memory now, from address 0; the machine may have more, from a kernel before. */
  get memoryBytes(): number {
    return ptr(this.#call('memory_used'));
  }

  /** Boot, or go on after a restore. The promise of the idle task never settles unless the kernel dies. */
  run(): void {
    this.#stacks.begin(this.#machine.promising(this.#options.restored ? 'resume' : 'start'));
  }

  /** An export that never suspends: of this kernel, or not at all. */
  #call(name: ExportName, ...args: number[]): number {
    if (this.#dead) throw this.#dead;
    return this.#machine.call(name, ...args);
  }

  /** Settles after everything that the event loop has to do now. */
  turn(): Promise<unknown> {
    return this.#options.host.turn();
  }

  get dead(): KernelDead | undefined {
    return this.#dead;
  }
  /** Requests of devices that have not been answered: they may still write into memory. */
  get ioInFlight(): number {
    return this.#ioInFlight;
  }
  /** Engine stacks that exist: of tasks that ran, and have not ended. */
  get stacks(): number {
    return this.#stacks.count;
  }
  get switches(): number {
    return this.#scheduler.switches;
  }
  /** Every task sleeps, nothing is in flight and no interrupt waits. */
  get quiet(): boolean {
    const calm = this.#idle !== undefined && this.#ioInFlight === 0 && !this.#tasks.someToWake && !this.#supers;
    return calm && !this.#time.isAwaited && !this.#irqPending && this.#tasks.counts.inCall === 0;
  }

  /** Something of it runs, or is about to: it neither sleeps nor waits for a program that thinks. */
  get busy(): boolean {
    if (this.#dead || this.#idle !== undefined) return false;
    const { by } = this.#user;
    return by === undefined || by.ready || this.memory.u32(plus(this.#shared, SHARED.runnable)) !== 0;
  }

  /** Tell `then` when the kernel dies; at once if it has. */
  onDeath(then: (dead: KernelDead) => void): void {
    if (this.#dead && this.#told) then(this.#dead);
    else this.#deaths.push(then);
  }

  /**
   * Tell `then` when nothing of a dead kernel is left: its stacks have unwound, and its devices have answered all that
   * they were asked. Until then something of it could still write into memory.
   */
  onGone(then: () => void): void {
    this.#gone.push(then);
    this.#seeWhetherGone();
  }

  #seeWhetherGone(): void {
    if (!this.#dead || this.#stacks.count > 0 || this.#ioInFlight > 0) return;
    this.#machine.release();
    for (const then of this.#gone.splice(0)) then();
  }

  /** The user task with this pid, once it is in its user loop. */
  task(pid: number): Promise<HostedTask> {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#tasks.find(pid, resolve);
      this.onDeath(reject);
    });
  }

  get tasks(): readonly HostedTask[] {
    return [...this.#tasks.all];
  }

  /**
   * What Linux knows of its tasks, the idle task left out. Runs kernel code: only while the kernel is idle. It writes
   * behind the kernel's memory, into a page of the machine's that is the host's: nothing there is a guest's to take away.
   */
  taskList(): TaskInfo[] {
    const at = ptr(this.memoryBytes);
    this.#machine.grow(at + HOST_BYTES);
    const max = Math.floor(HOST_BYTES / TASK_INFO.bytes);
    const count = this.#call('task_list', at, max);
    if (count > max) throw new Error(`${count} tasks are more than a list has room for`);
    const tasks = readTaskList(this.memory, at, count);
    this.memory.view(at, HOST_BYTES).fill(0); // as the kernel would find it, were it to grow
    return tasks;
  }

  /**
   * Freeze or thaw every writable file system on a disk, as the export `supers` has it; answers its lines, one for each
   * that refused. Whatever programs do meanwhile: virtual time passes for it as for a task in a call.
   */
  supers(action: 'freeze' | 'thaw'): Promise<string> {
    if (this.#dead) return Promise.reject(this.#dead);
    if (this.#supers) return Promise.reject(new Error('file systems are being frozen or thawed already'));
    this.#supers = Promise.withResolvers();
    this.#call('supers', action === 'freeze' ? 1 : 0);
    this.#interrupt();
    return this.#supers.promise;
  }

  /** Put a device into a slot, the first free one unless said; answers its number. The kernel sees it once its driver is bound. */
  plug(make: (irq: () => void, io: IoLedger) => Device, at?: number): number {
    return this.#slots.plug((slot) => make(() => this.#raise(IRQ.virtio + slot), this.#io), at);
  }

  /** Random bytes of the host's. */
  entropy(into: Uint8Array): void {
    this.#options.host.entropy(into);
  }

  /** How a device outside of virtual time waits for it; undefined: the clock is the host's. */
  get pause(): ((ms: number) => Promise<void>) | undefined {
    return this.clock.policy === 'virtual' ? (ms) => this.#options.host.pause(ms) : undefined;
  }

  unplug(slot: number): void {
    this.#slots.unplug(slot);
  }

  /** Why some devices cannot be saved now. */
  get deviceObstacles(): readonly string[] {
    return this.#slots.obstacles;
  }

  /**
   * Settles when so much time of the kernel's clock has passed. It takes no task for that, whose timers and memory are its
   * program's; programs that think hold virtual time up as ever.
   */
  pass(ns: number): Promise<void> {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.onDeath(reject);
      this.#time.await(ns, resolve);
    });
  }

  /**
   * End the call that a task is in with EINTR, as a signal does that has a handler, but for that there is none. What the call has
   * done stays done, and a call that does not wait for long, or not so that it could be interrupted, ends as it would.
   */
  interrupt(task: HostedTask): void {
    if (this.#dead || !task.inCall) return;
    this.clock.forbidJumps();
    this.#tasks.interrupt(task);
    this.#raise(IRQ.user);
  }

  /** Ask `mend` before a deadlock ends the kernel: it answers whether somebody will get on. Answers how to end that. */
  onDeadlock(mend: () => boolean): () => void {
    this.#mends.add(mend);
    return () => void this.#mends.delete(mend);
  }

  /** While `work` is awaited, the task that plays user mode goes on doing so, whoever else could run: how long it takes shows nowhere. */
  still<T>(work: Promise<T>): Promise<T> {
    return this.#user.still(work);
  }

  /** The program of this task makes no other call for now: others that could run do so at once, instead of in the next turn of the event loop. */
  yields(task: HostedTask): void {
    if (!this.#dead) this.#user.yields(task);
  }

  /** Let what `pass` waits for be: it never settles. */
  stopPassing(): void {
    this.#time.unawait();
  }

  /**
   * Settles once nothing of the kernel runs or is about to at this moment of its clock: a task that is in a call then
   * waits for something. Time passes for it only if it may anyway. The program of `asking` is the one that waits here.
   */
  settled(asking: HostedTask): Promise<void> {
    if (this.#dead) return Promise.reject(this.#dead);
    const settled = this.#settling.wait(asking);
    if (this.#user.by === asking) this.#interrupt(); // others may be about to run
    this.#seeWhetherSettled();
    return settled;
  }

  #seeWhetherSettled(): void {
    if (!this.#settling.isAwaited) return;
    if (!this.#idle || this.#ioInFlight > 0 || this.#tasks.someToWake || this.#irqPending) return;
    this.#settling.settle((asking) => this.#tasks.some((task) => task !== asking && task.thinking));
  }

  /** Devices count what they have in flight: virtual time waits for it. */
  readonly #io: IoLedger = {
    begin: () => {
      this.clock.forbidJumps();
      this.#ioInFlight++;
    },
    end: (complete) => {
      this.#ioInFlight--;
      if (this.#dead) return this.#seeWhetherGone();
      complete();
      this.#time.reconsider();
      this.#seeWhetherSettled();
    },
  };

  /**
   * The kernel ended: everyone who waits for it hears why, and it never runs again. What is parked unwinds, soon; what
   * runs at this moment does when it calls the host next.
   */
  die(cause: unknown): void {
    this.#end(cause instanceof KernelDead ? cause : this.#trap(cause));
    this.#tell();
  }

  /**
   * End it, and tell nobody: the code that waits for it belongs to a request that is gone, and would run as part of
   * whoever calls this. Should it live after all, it hears of the end when it kills the kernel itself.
   */
  abandon(message: string): void {
    this.#end(new KernelDead('lost', message, this.console.tail()));
  }

  #end(dead: KernelDead): void {
    if (this.#dead) return;
    this.#dead = dead;
    this.#machine.unbind();
    this.#time.stop();
    this.memory.revoke(dead);
    this.#idle?.reject(unwinding);
    this.#idle = undefined;
    this.#user.end(unwinding);
    this.#scheduler.end();
    this.#seeWhetherGone();
  }

  #tell(): void {
    const dead = this.#dead;
    if (!dead || this.#told) return;
    this.#told = true;
    this.#supers?.reject(dead);
    this.#settling.end(dead);
    for (const task of this.#tasks.all) task.end(dead);
    for (const then of this.#deaths.splice(0)) then(dead);
  }

  /** Virtual time stands still until `work` has settled, as for a device. What runs in no time goes on. */
  holdTime(work: Promise<unknown>): void {
    const end = () => this.#io.end(() => {});
    this.#io.begin();
    work.then(end, end);
  }

  /** End it from outside, for instance at a deadline. */
  kill(end: KernelEnd, message: string): void {
    this.die(new KernelDead(end, message, this.console.tail()));
  }

  #trap(cause: unknown): KernelDead {
    const message = cause instanceof Error ? cause.message : String(cause);
    return new KernelDead('trap', `the kernel trapped: ${message}`, this.console.tail(), { cause });
  }

  // --- interrupts and time ---

  get #irqPending(): boolean {
    return this.memory.u32(plus(this.#shared, SHARED.irqPending)) !== 0;
  }

  #raise(irq: number): void {
    if (this.#dead) return;
    const at = plus(this.#shared, SHARED.irqPending);
    this.memory.setU32(at, this.memory.u32(at) | (1 << irq));
    this.#interrupt();
  }

  /** Something is pending: whoever sleeps or plays user mode goes back into the kernel. */
  #interrupt(): void {
    this.#time.cancel();
    const idle = this.#idle;
    this.#idle = undefined;
    idle?.resolve();
    this.#user.letGo();
  }

  /** The import `idle`. */
  #onIdle(): void | Promise<void> {
    if (this.#time.jumped()) return;
    const idle = Promise.withResolvers<void>();
    this.#idle = idle;
    this.#time.reconsider();
    this.#seeWhetherSettled();
    return idle.promise;
  }

  /** Virtual time may pass: someone waits in the kernel for it, and nobody is about to do something now. */
  #mayPass(): boolean {
    if (this.#ioInFlight > 0 || this.#tasks.someToWake) return false;
    const { thinking, inCall } = this.#tasks.counts;
    return thinking === 0 && (inCall > 0 || this.#time.isAwaited || this.#supers !== undefined);
  }

  #deadlock(): void {
    // All of them: each has its own to wake.
    const mended = [...this.#mends].filter((mend) => mend()).length;
    if (mended > 0 || this.#slots.mayBring) return;
    const where = this.tasks
      .filter((task) => task.inCall)
      .map((task) => `${this.#nameOf(task)} in ${task.runningCall ?? 'user mode'}`);
    this.kill('deadlock', `every task waits for something that nothing will bring: ${where.join(', ')}`);
  }

  #nameOf({ address, pid }: HostedTask): string {
    const program = this.programs.nameOf(address);
    return program === undefined ? `task ${pid}` : `task ${pid} (${program})`;
  }

  // --- user tasks ---

  /** The import `user_next`. */
  #onUserNext(address: number, pid: number, regs: number): number | Promise<number> {
    this.#time.progress();
    let task = this.#tasks.get(address);
    if (!task) task = this.#newTask(address, pid, ptr(regs));
    this.#user.ended(task.finish(ptr(regs)));
    this.programs.arrived(task);
    if (task.ready) return this.#user.next(task);
    if (!task.thinking || this.#tasks.someToWake || this.#irqPending) return 0;
    this.#time.arm();
    return this.#user.hold(task);
  }

  #newTask(address: number, pid: number, regs: Ptr): HostedTask {
    const task = new HostedTask(address, pid, regs, this.memory, {
      counts: this.#tasks.counts,
      submitted: (t) => this.#submitted(t),
      changed: (t) => {
        this.clock.forbidJumps();
        // Waiting for something else than a call of its own, it would keep the others from running.
        if (!t.thinking && this.#user.by === t) this.#interrupt();
        this.#time.reconsider();
        this.#seeWhetherSettled();
      },
      timerSet: (ns) => this.#time.timerSet(ns),
    });
    this.#tasks.add(task);
    return task;
  }

  /** After a restore: the user tasks of the snapshot, asleep in their user loops. */
  adopt(address: number, pid: number, regs: Ptr): HostedTask {
    return this.#newTask(address, pid, regs);
  }

  #submitted(task: HostedTask): void {
    if (this.#user.goOn(task)) {
      this.#time.cancel();
      return;
    }
    this.clock.forbidJumps();
    this.#tasks.wake(task);
    this.#raise(IRQ.user);
  }

  // --- the imports ---

  #imports(): ImportHandlers {
    const { host, commandLine } = this.#options;
    const { memory } = this;
    return {
      ...plainImports({
        memory,
        console: this.console,
        clock: this.clock,
        host,
        commandLine,
        die: (dead) => this.die(dead),
      }),
      mmio_read: (address, size) => this.#slots.read(address, size),
      mmio_write: (address, value, size) => this.#slots.write(address, value, size),
      user_ready: (task) => (this.#tasks.get(task)?.ready ? 1 : 0),
      user_wake: () => this.#tasks.nextToWake(),
      user_exit: (address, pid, status) => {
        this.clock.forbidJumps();
        this.programs.exited(address);
        this.#tasks.remove(address)?.end(new TaskExited(pid, status));
      },
      supers_done: (text, length) => {
        const lines = new TextDecoder().decode(memory.copy(ptr(text), length));
        this.#supers?.resolve(lines);
        this.#supers = undefined;
      },
      ...this.programs.imports,
      idle: () => this.#onIdle(),
      task_switch: (prev, next, flags, sp) => this.#scheduler.switch(prev, next, flags, sp),
      user_next: (task, pid, regs) => this.#onUserNext(task, pid, regs),
    };
  }
}

/** A stack that waits in an import. */
type Parked<T> = Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'>;
