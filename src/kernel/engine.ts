/** The machine under one kernel: its wasm instance, interrupts, idle time, user tasks and devices. */

import type { ExportName } from '../abi/exports.ts';
import { IRQ, SHARED, TASK_INFO, VIRTIO } from '../abi/shared.ts';
import { Clock } from './clock.ts';
import { Console } from './console.ts';
import { classifyPanic, KernelDead, type KernelEnd, TaskExited } from './errors.ts';
import type { ClockPolicy, Host } from './host.ts';
import { HostedTask } from './hosted-task.ts';
import type { ImportHandlers, Machine } from './machine.ts';
import { KernelMemory, type Ptr, plus, ptr } from './memory.ts';
import { Scheduler } from './scheduler.ts';
import { Stacks, unwinding } from './unwinding.ts';
import { emptySlot, type MmioDevice } from './virtio/mmio.ts';

/** After so many jumps of virtual time in one turn of the event loop, other work gets its turn. */
const JUMPS_A_TURN = 4096;

/**
 * Virtual time in which no user task gets on before it is a deadlock. The kernel's own timers never end, so "no timer"
 * does not tell; but what a task waits for without a timeout of its own comes within hours (TCP gives up) or not at all.
 */
const DEADLOCK_NS = 25 * 3600 * 1e9;
/** While a task waits with a timeout of its own. */
const DEADLOCK_TIMED_NS = 400 * 86_400 * 1e9;

export interface EngineOptions {
  readonly host: Host;
  readonly clock: ClockPolicy;
  /** Bytes memory may grow to. */
  readonly memoryLimit: number;
  readonly commandLine: string;
  /** Made from a snapshot: tasks have C stacks but no engine stacks yet. */
  readonly restored: boolean;
}

/** One row of the kernel's task list. */
export interface TaskInfo {
  readonly pid: number;
  readonly state: number;
  readonly flags: number;
  readonly inUserLoop: boolean;
  readonly stack: number;
  readonly sp: number;
  readonly comm: string;
}

/** Shared by every way to make a kernel (boot, restore): answers the imports of its machine, then runs `start` or `resume`. */
export class Engine {
  readonly memory: KernelMemory;
  readonly console = new Console();
  readonly #options: EngineOptions;
  readonly #machine: Machine;
  readonly #shared: Ptr;
  readonly #scheduler: Scheduler;
  readonly clock: Clock;

  readonly #tasks = new Map<number, HostedTask>();
  readonly #wake: number[] = [];
  readonly #awaited = new Map<number, (task: HostedTask) => void>();
  readonly #devices: (MmioDevice | undefined)[] = new Array(VIRTIO.slots).fill(undefined);

  #idle: Parked<void> | undefined;
  #held: Parked<number> | undefined;
  #heldBy: HostedTask | undefined;
  #cancelTimer: (() => void) | undefined;
  #ioInFlight = 0;
  /** When a user task last got on. */
  #progressNs = 0;
  /** When the last of the timers that tasks set is due, at the latest. */
  #timersNs = 0;
  #turning = false;
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
    this.#shared = ptr(machine.call('shared'));
    this.memoryLimit = options.memoryLimit;
    this.clock = new Clock(options.clock, this.memory, this.#shared, options.host);
    this.clock.jumps = JUMPS_A_TURN;
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
    const { memory } = this;
    const calm = this.#idle !== undefined && this.#ioInFlight === 0 && this.#wake.length === 0;
    return (
      calm && !memory.u32(plus(this.#shared, SHARED.irqPending)) && ![...this.#tasks.values()].some((t) => t.inCall)
    );
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
    const known = [...this.#tasks.values()].find((task) => task.pid === pid);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      this.#awaited.set(pid, resolve);
      this.onDeath(reject);
    });
  }

  get tasks(): readonly HostedTask[] {
    return [...this.#tasks.values()];
  }

  /** What Linux knows of its tasks, the idle task left out. Runs kernel code: only while the kernel is idle. */
  taskList(at: Ptr, bytes: number): TaskInfo[] {
    const max = Math.floor(bytes / TASK_INFO.bytes);
    const count = Math.min(this.#call('task_list', at, max), max);
    return Array.from({ length: count }, (_, i) => {
      const row = plus(at, i * TASK_INFO.bytes);
      const comm = this.memory.copy(plus(row, TASK_INFO.comm), TASK_INFO.commBytes);
      return {
        pid: this.memory.i32(plus(row, TASK_INFO.pid)),
        state: this.memory.u32(plus(row, TASK_INFO.state)),
        flags: this.memory.u32(plus(row, TASK_INFO.flags)),
        inUserLoop: this.memory.u32(plus(row, TASK_INFO.inUserLoop)) !== 0,
        stack: this.memory.u32(plus(row, TASK_INFO.stack)),
        sp: this.memory.u32(plus(row, TASK_INFO.sp)),
        comm: new TextDecoder().decode(comm.subarray(0, comm.indexOf(0))),
      };
    });
  }

  /** Put a device into a slot, the first free one unless said; answers its number. The kernel sees it once its driver is bound. */
  plug(make: (irq: () => void, io: IoLedger) => MmioDevice, slot = this.#devices.indexOf(undefined)): number {
    if (slot < 0) throw new RangeError(`all ${VIRTIO.slots} device slots are taken`);
    this.#devices[slot] = make(() => this.#raise(IRQ.virtio + slot), this.#io);
    return slot;
  }

  unplug(slot: number): void {
    this.#devices[slot] = undefined;
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
      this.#reconsider();
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
    this.#end(new KernelDead('halt', message, this.console.tail()));
  }

  #end(dead: KernelDead): void {
    if (this.#dead) return;
    this.#dead = dead;
    this.#machine.unbind();
    this.#cancelTimer?.();
    this.clock.stop();
    this.memory.revoke(dead);
    for (const parked of [this.#idle, this.#held]) parked?.reject(unwinding);
    this.#idle = this.#held = this.#heldBy = undefined;
    this.#scheduler.end();
    this.#seeWhetherGone();
  }

  #tell(): void {
    const dead = this.#dead;
    if (!dead || this.#told) return;
    this.#told = true;
    for (const task of this.#tasks.values()) task.end(dead);
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

  #raise(irq: number): void {
    if (this.#dead) return;
    const at = plus(this.#shared, SHARED.irqPending);
    this.memory.setU32(at, this.memory.u32(at) | (1 << irq));
    this.#interrupt();
  }

  /** Something is pending: whoever sleeps or plays user mode goes back into the kernel. */
  #interrupt(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const idle = this.#idle;
    const held = this.#held;
    this.#idle = this.#held = this.#heldBy = undefined;
    idle?.resolve();
    held?.resolve(0);
  }

  /** The import `idle`. While nothing that #mayJump() looks at changes, the kernel jumps on without it. */
  #onIdle(): void | Promise<void> {
    if (this.clock.policy === 'virtual' && this.#mayJump()) {
      const { timerNs: due, jumps } = this.clock;
      if (due !== undefined && jumps > 0 && !this.#hopeless(due)) {
        this.clock.jumps = jumps - 1;
        this.clock.fire(due);
        this.clock.allowJumps(this.#hopeNs);
        return;
      }
    }
    const idle = Promise.withResolvers<void>();
    this.#idle = idle;
    this.#reconsider();
    return idle.promise;
  }

  /** Virtual time may pass: some task waits in the kernel for it, and nobody is about to do something now. */
  #mayJump(): boolean {
    if (this.#ioInFlight > 0 || this.#wake.length > 0) return false;
    let waiting = false;
    for (const task of this.#tasks.values()) {
      if (task.thinking) return false;
      waiting ||= task.inCall;
    }
    return waiting;
  }

  /** Idle, and something changed: see whether time may pass now. */
  #reconsider(): void {
    if (!this.#idle || this.#dead) return;
    if (this.clock.policy === 'wall') this.#armWallTimer();
    else if (this.#mayJump() && !this.#turning) {
      this.#turning = true;
      // Whoever was just woken gets to speak before the clock jumps.
      this.#options.host.turn().then(() => {
        this.#turning = false;
        if (!this.#idle || this.#dead || !this.#mayJump()) return;
        this.clock.jumps = JUMPS_A_TURN;
        const due = this.clock.timerNs;
        if (due === undefined || this.#hopeless(due)) this.#deadlock();
        else {
          this.clock.fire(due);
          this.#interrupt();
        }
      });
    }
  }

  #armWallTimer(): void {
    const due = this.clock.timerNs;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (due === undefined) return;
    const ms = Math.min(Math.max((due - this.clock.wallNs()) / 1e6, 0), 0x7fff_ffff);
    this.#cancelTimer = this.#options.host.timer(ms, () => {
      // A timer of the event loop can fire early.
      if (this.clock.fireIfDue()) this.#interrupt();
      else this.#armWallTimer();
    });
  }

  /** Nobody needs to ask whether it is a deadlock before then. */
  get #hopeNs(): number {
    return Math.max(this.#progressNs, this.#timersNs) + DEADLOCK_NS;
  }

  #hopeless(dueNs: number): boolean {
    if (dueNs < this.#hopeNs) return false;
    return dueNs - this.#progressNs >= DEADLOCK_TIMED_NS || !this.tasks.some((task) => task.waitsWithTimeout);
  }

  #deadlock(): void {
    const where = [...this.#tasks.values()]
      .filter((t) => t.inCall)
      .map((t) => `task ${t.pid} in ${t.runningCall ?? 'user mode'}`);
    this.kill('deadlock', `every task waits for something that nothing will bring: ${where.join(', ')}`);
  }

  // --- user tasks ---

  /** The import `user_next`. */
  #onUserNext(address: number, pid: number, regs: number): number | Promise<number> {
    this.clock.forbidJumps();
    this.#progressNs = this.clock.nowNs;
    let task = this.#tasks.get(address);
    if (!task) task = this.#newTask(address, pid, ptr(regs));
    task.finish(ptr(regs));
    if (task.take()) return 1;
    if (!task.thinking || this.#wake.length > 0 || this.memory.u32(plus(this.#shared, SHARED.irqPending))) return 0;
    // The program has its result and will call again soon: hold the task in user mode until then.
    const held = Promise.withResolvers<number>();
    this.#held = held;
    this.#heldBy = task;
    if (this.clock.policy === 'wall') this.#armWallTimer();
    return held.promise;
  }

  #newTask(address: number, pid: number, regs: Ptr): HostedTask {
    const task = new HostedTask(address, pid, regs, this.memory, {
      submitted: (t) => this.#submitted(t),
      changed: (t) => {
        this.clock.forbidJumps();
        // Waiting for something else than a call of its own, it would keep the others from running.
        if (!t.thinking && this.#heldBy === t) this.#interrupt();
        this.#reconsider();
      },
      timerSet: (ns) => {
        this.#timersNs = Math.max(this.#timersNs, this.clock.nowNs + Math.min(ns, DEADLOCK_TIMED_NS));
      },
    });
    this.#tasks.set(address, task);
    this.#awaited.get(pid)?.(task);
    this.#awaited.delete(pid);
    return task;
  }

  /** After a restore: the user tasks of the snapshot, asleep in their user loops. */
  adopt(address: number, pid: number, regs: Ptr): HostedTask {
    return this.#newTask(address, pid, regs);
  }

  #submitted(task: HostedTask): void {
    if (this.#heldBy === task && this.#held && task.take()) {
      const held = this.#held;
      this.#held = this.#heldBy = undefined;
      this.#cancelTimer?.();
      held.resolve(1);
      return;
    }
    this.clock.forbidJumps();
    this.#wake.push(task.address);
    this.#raise(IRQ.user);
  }

  // --- the imports ---

  #imports(): ImportHandlers {
    const { host, commandLine } = this.#options;
    const { memory } = this;
    return {
      console_write: (text, length) => this.console.append(memory.view(ptr(text), length)),
      panic: (text, length) => {
        const message = new TextDecoder().decode(memory.view(ptr(text), length));
        const log = this.console.tail();
        const dead = new KernelDead(classifyPanic(message, log), `Kernel panic: ${message}`, log);
        this.die(dead);
        throw dead;
      },
      command_line: (to, max) => {
        const text = new TextEncoder().encode(commandLine).subarray(0, max);
        memory.write(ptr(to), text);
        return text.length;
      },
      entropy: (to, length) => {
        const bytes = new Uint8Array(length);
        host.entropy(bytes);
        memory.write(ptr(to), bytes);
      },
      clock_now: () => this.clock.wallNs(),
      clock_realtime: () => host.realtimeNs(),
      mmio_read: (address, size) => {
        const offset = (address >>> 0) - VIRTIO.base;
        const device = this.#devices[Math.floor(offset / VIRTIO.stride)];
        return (device ?? emptySlot).read(offset % VIRTIO.stride, size);
      },
      mmio_write: (address, value, size) => {
        const offset = (address >>> 0) - VIRTIO.base;
        this.#devices[Math.floor(offset / VIRTIO.stride)]?.write(offset % VIRTIO.stride, value >>> 0, size);
      },
      user_ready: (task) => (this.#tasks.get(task)?.ready ? 1 : 0),
      user_wake: () => this.#wake.shift() ?? 0,
      user_exit: (address, pid, status) => {
        this.clock.forbidJumps();
        this.#tasks.get(address)?.end(new TaskExited(pid, status));
        this.#tasks.delete(address);
        const at = this.#wake.indexOf(address);
        if (at >= 0) this.#wake.splice(at, 1);
      },
      user_signal: () => {},
      idle: () => this.#onIdle(),
      task_switch: (prev, next, flags, sp) => this.#scheduler.switch(prev, next, flags, sp),
      user_next: (task, pid, regs) => this.#onUserNext(task, pid, regs),
    };
  }
}

/** A stack that waits in an import. */
type Parked<T> = Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'>;

/** How a device says that a request is on its way. */
export interface IoLedger {
  begin(): void;
  /** `complete` tells the driver. It is not called once the kernel is dead: its memory may be another kernel's. */
  end(complete: () => void): void;
}
