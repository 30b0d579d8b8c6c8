/** The kernel of a script: time as the script counts it, frames in and out, and the task that makes its calls. */

import type { SyscallName } from '../../abi/syscalls.ts';
import { KernelDead } from '../../kernel/errors.ts';
import type { HostedTask } from '../../kernel/hosted-task.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { plus } from '../../kernel/memory.ts';
import type { Settings } from './settings.ts';
import { makeTun } from './tun.ts';

export interface Frame {
  /** When it left, on the kernel's clock. */
  readonly atNs: number;
  readonly bytes: Uint8Array;
}

/** A packet of several segments and its header. */
const FRAME_BYTES = 128 * 1024;
const CALLER_BYTES = 256 * 1024;
const CLONE_FILES = 0x400;
/** What a call that is not said to block may take. */
const CALL_NS = 3600e9;
/** INITIAL_JIFFIES at 1000 a second, as a time at which they are a multiple of the wheel's. */
const WHEEL_MS = 4096;
const JIFFIES_MS = 300_000 % WHEEL_MS;
/** Frames that nobody looked at. */
const MAX_FRAMES = 100_000;

export class Machine {
  readonly kernel: Kernel;
  /** Makes the script's calls; its descriptors are the script's alone. */
  readonly caller: HostedTask;
  /** ifindex of the tun. */
  readonly device: number;
  readonly #sniffer: HostedTask;
  readonly #tun: number;
  readonly #frames: Frame[] = [];
  #arrived: (() => void) | undefined;
  #startNs = 0;

  private constructor(kernel: Kernel, caller: HostedTask, sniffer: HostedTask, tun: number, device: number) {
    this.kernel = kernel;
    this.caller = caller;
    this.#sniffer = sniffer;
    this.#tun = tun;
    this.device = device;
  }

  static async make(kernel: Kernel, settings: Settings): Promise<Machine> {
    const caller = await kernel.spawn(kernel.init, 0, CALLER_BYTES);
    for (let fd = 0; fd < 3; fd++) await openNull(caller);
    await ignoreSigpipe(caller);
    caller.detach();
    const { fd, index } = await makeTun(kernel, settings);
    const sniffer = await kernel.spawn(kernel.init, CLONE_FILES, FRAME_BYTES);
    const machine = new Machine(kernel, caller, sniffer, fd, index);
    void machine.#sniff();
    await kernel.engine.settled(kernel.init);
    return machine;
  }

  async #sniff(): Promise<void> {
    const { memory, scratch, scratchBytes } = this.#sniffer;
    try {
      for (;;) {
        const length = must('read', await this.#sniffer.syscall('read', this.#tun, scratch, scratchBytes));
        if (this.#frames.length < MAX_FRAMES) {
          this.#frames.push({ atNs: this.kernel.engine.clock.nowNs, bytes: memory.copy(scratch, length) });
        }
        this.#arrived?.();
      }
    } catch {
      // The kernel is at its end, and says so to who waits for it.
    }
  }

  /**
   * Waits for a moment at which all levels of Linux's timer wheel begin anew (kernel/time/timer.c: jiffies start 300 seconds
   * below 0, and the third level has 64 slots of 64). A timer of more than half a second is up to 64 ms late, and how much depends
   * on when it is set: from here on it is the same for every script, and the least that it can be for usual timeouts.
   */
  async align(): Promise<void> {
    const { engine, init } = this.kernel;
    const nowMs = engine.clock.nowNs / 1e6;
    const dueMs = Math.ceil((nowMs - JIFFIES_MS) / WHEEL_MS) * WHEEL_MS + JIFFIES_MS;
    await init.waitFor(engine.pass(Math.round(dueMs * 1e6 - engine.clock.nowNs)));
    await engine.settled(init);
  }

  /** Now is the script's time `us`. */
  startAt(us: number): void {
    this.#startNs = this.kernel.engine.clock.nowNs - 1000 * us;
  }

  /** When the script's time was 0, by the kernel's date. */
  async beganNs(): Promise<number> {
    const { init } = this.kernel;
    const CLOCK_REALTIME = 0;
    must('clock_gettime64', await init.syscall('clock_gettime64', CLOCK_REALTIME, init.scratch));
    const [low, , ns] = [0, 4, 8].map((offset) => init.memory.u32(plus(init.scratch, offset)));
    return (low ?? 0) * 1e9 + (ns ?? 0) - 1000 * this.nowUs;
  }

  get nowUs(): number {
    return this.usOf(this.kernel.engine.clock.nowNs);
  }
  usOf(ns: number): number {
    return (ns - this.#startNs) / 1000;
  }

  /** Until then, and as far as the kernel gets without time passing. */
  async waitUntil(us: number): Promise<void> {
    const { engine, init } = this.kernel;
    const ns = Math.round(this.#startNs + 1000 * us - engine.clock.nowNs);
    if (ns > 0) await init.waitFor(engine.pass(ns));
    await engine.settled(init);
  }

  /** The next frame that left, or undefined when none does until then. */
  async nextFrame(untilUs: number): Promise<Frame | undefined> {
    const { engine, init } = this.kernel;
    await engine.settled(init);
    if (this.#frames.length === 0) {
      const ns = Math.max(Math.round(this.#startNs + 1000 * untilUs - engine.clock.nowNs), 0);
      const { promise: arrived, resolve } = Promise.withResolvers<void>();
      const { promise: gate, resolve: go } = Promise.withResolvers<void>();
      this.#arrived = () => {
        this.#arrived = undefined;
        engine.holdTime(gate); // until who waits goes on
        resolve();
      };
      const passed = engine.pass(ns);
      passed.catch(() => {}); // who waits for the race hears it
      await init.waitFor(Promise.race([passed, arrived]));
      engine.stopPassing();
      this.#arrived = undefined;
      go();
    }
    return this.#frames.shift();
  }

  /** A packet from the remote side. */
  async inject(bytes: Uint8Array): Promise<void> {
    const { init, engine } = this.kernel;
    init.memory.write(init.scratch, bytes);
    must('write', await init.syscall('write', this.#tun, init.scratch, bytes.length), 'a packet to the tun');
    await engine.settled(init);
  }

  /** A call of the script's task, its program at hand meanwhile. */
  async call(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    const { engine } = this.kernel;
    this.caller.attach();
    try {
      return await this.caller.syscall(name, ...args);
    } finally {
      // Who waits for it has its turn before time passes.
      if (!engine.dead) engine.holdTime(engine.turn());
      this.caller.detach();
    }
  }

  /** Waits for a call that is said to return; undefined when it does not within an hour of the kernel's time. */
  async returned<T>(made: Promise<T>): Promise<{ readonly value: T } | undefined> {
    const { engine, init } = this.kernel;
    const passed = engine.pass(CALL_NS);
    passed.catch(() => {}); // who waits for the race hears it
    const value = await init.waitFor(Promise.race([made.then((value) => ({ value })), passed.then(() => undefined)]));
    engine.stopPassing();
    await engine.settled(init);
    return value;
  }

  /** The kernel's own end, when that is what `cause` is. */
  static isEnd = (cause: unknown): cause is KernelDead => cause instanceof KernelDead;
}

/** A script is told of a broken pipe by EPIPE. */
async function ignoreSigpipe(task: HostedTask): Promise<void> {
  const [SIGPIPE, SIG_IGN, SIGSET_BYTES, SIGACTION_BYTES] = [13, 1, 8, 32];
  task.memory.view(task.scratch, SIGACTION_BYTES).fill(0);
  task.memory.setU32(task.scratch, SIG_IGN);
  must('rt_sigaction', await task.syscall('rt_sigaction', SIGPIPE, task.scratch, 0, SIGSET_BYTES));
}

async function openNull(task: HostedTask): Promise<void> {
  const { memory, scratch } = task;
  memory.write(scratch, new TextEncoder().encode('/dev/null\0'));
  const AT_FDCWD = -100;
  const O_RDWR = 2;
  await task.syscall('openat', AT_FDCWD, scratch, O_RDWR, 0);
}
