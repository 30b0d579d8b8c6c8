/** One program that runs: an instance with a memory of its own, its threads, and the system calls that reach the host. */

import { errnos } from '../../abi/errno.ts';
import { type SyscallName, syscalls } from '../../abi/syscalls.ts';
import { CLONE_VM } from '../../abi/uapi/sched.ts';
import { SIGKILL } from '../../abi/uapi/wait.ts';
import { KernelDead, TaskExited } from '../errors.ts';
import type { HostedTask } from '../hosted-task.ts';
import { ptr } from '../memory.ts';
import { Asyncify } from './asyncify.ts';
import type { Budget } from './budget.ts';
import { endBySignal, fatalSignal } from './fatal.ts';
import { type MappingCall, memoryCalls } from './memory-calls.ts';
import { Pages } from './pages.ts';
import { ProgramMemory } from './program-memory.ts';
import { tellMemory } from './sysinfo.ts';
import { Thread as AnyThread, gone, Lent } from './thread.ts';
import { isWasi, WASI } from './wasi/module.ts';
import { Wasi } from './wasi/wasi.ts';

type Thread = AnyThread<Process>;

const CLONE_VFORK = 0x4000;
const CLONE_THREAD = 0x1_0000;
const CLONE_SETTLS = 0x8_0000;
const SIGCHLD = 17;

/** What only the C library sees (docs/design/programs.md): go on as the parent of a vfork; run the handlers and call again. */
const VFORK_OVER = 0x7fff_fff0;
const CALL_AGAIN = 0x7fff_fff1;
/** What the kernel answers for the second. Never seen outside of a kernel else. */
const ERESTARTSYS = -512;

/** Six registers and three more words for the runtime. */
const ARGUMENT_BYTES = 72;
const EXTRA = 48;
/** Calls that a stack may make after it was to end. One that catches even that is parked for good. */
const LAST_CALLS = 100;

/** A linker of WASI's may put data near the beginning of memory. */
const LOWEST_OF_WASI = 1;

const ENOSYS = -errnos.ENOSYS.number;
const EFAULT = -errnos.EFAULT.number;

/** How a stack begins. */
interface Entry {
  readonly name: '_start' | 'thread';
  readonly args: readonly number[];
}

/** What a process needs of the others. */
export interface ProcessNeeds {
  readonly budget: Budget;
  /** This stack makes the calls of this task from now on. */
  plays(task: HostedTask, process: Process, thread: Thread): void;
  /** Why a program ended that did not mean to. */
  log(text: string): void;
}

export class Process {
  readonly name: string;
  readonly memory: ProgramMemory;
  readonly #needs: ProcessNeeds;
  readonly #module: WebAssembly.Module;
  readonly #exports: WebAssembly.Exports;
  readonly #pages: Pages;
  readonly #asyncify: Asyncify | undefined;
  readonly #threads: Thread[] = [];
  /** fork() is about to clone, and the copy of this is to be made. */
  #forking = false;
  /** Of the word that tells the program of handlers to call; 0: it has none. */
  readonly #pendingAt: number;
  /** Of a program of WASI's. */
  readonly #wasi: Wasi | undefined;

  /** An instance that nothing runs in yet: fresh, or a copy. Throws RangeError for want of memory, else what is wrong with the module. */
  constructor(needs: ProcessNeeds, name: string, module: WebAssembly.Module, original?: Process) {
    this.name = name;
    this.#needs = needs;
    this.#module = module;
    // A module may call imports while it is instantiated: there is no thread that could.
    const threads = this.#threads;
    const self = (thread: number) => threads[thread];
    this.#wasi = isWasi(module) ? new Wasi((call, ...args) => this.#byName(threads[0], call, args)) : undefined;
    const { exports } = new WebAssembly.Instance(module, {
      ...(this.#wasi && { [WASI]: this.#wasi.imports }),
      lkl: {
        call: new WebAssembly.Suspending((thread = 0, number = 0, at = 0) => this.#call(self(thread), number, ptr(at))),
        signal: (thread: number, at: number) => this.#takeFrame(self(thread), ptr(at)),
        fork: () => this.#fork(),
      },
    });
    if (!(exports.memory instanceof WebAssembly.Memory)) throw new TypeError('it exports no memory');
    if (typeof exports._start !== 'function') throw new TypeError('it exports no function _start');
    this.#exports = exports;
    this.memory = new ProgramMemory(exports.memory, needs.budget, this.#wasi ? LOWEST_OF_WASI : undefined);
    const { __lkl_pending: pending } = exports;
    const at = pending instanceof WebAssembly.Global ? ptr(Number(pending.value)) : 0;
    this.#pendingAt = this.memory.has(at, 4) ? at : 0;
    if (original && !this.#copy(original)) {
      this.end();
      throw new RangeError('no memory is left for a copy');
    }
    this.#pages = new Pages(this.memory, original ? original.#pages : undefined);
    this.#asyncify = Asyncify.of(exports, this.memory, this.#pages, original ? original.#asyncify : undefined);
  }

  #copy(original: Process): boolean {
    const [mine, theirs] = [this.#exports.__stack_pointer, original.#exports.__stack_pointer];
    if (mine instanceof WebAssembly.Global && theirs instanceof WebAssembly.Global) mine.value = theirs.value;
    return this.memory.copyFrom(original.memory);
  }

  /** No task has this memory any more. */
  end(): void {
    this.memory.end();
  }

  /** Room for the arguments of its start; negative: there is none. */
  reserve(bytes: number): number {
    return this.#pages.map(bytes);
  }

  /** The task is its from now on: it runs from its start, in a moment. */
  start(task: HostedTask, sp: number): void {
    this.#begin(task, 0, { name: '_start', args: [sp] });
  }

  /** A copy for fork(), while that is being made. */
  fork(): Process | undefined {
    return this.#forking ? new Process(this.#needs, this.name, this.#module, this) : undefined;
  }

  /** A handler is to be called in this thread. */
  signal(thread: Thread, frame: Uint8Array): void {
    thread.push(frame);
    this.#tellPending();
  }

  #begin(task: HostedTask, self: number, entry: Entry): void {
    const thread = new AnyThread<Process>(self, task);
    this.#threads[self] = thread;
    task.scratchBytes = 0; // what there was went with the memory of before
    task.attach();
    this.#needs.plays(task, this, thread);
    // We are inside an import of the kernel's: its stack must be parked before another one begins.
    queueMicrotask(() => void this.#run(thread, entry));
  }

  /** A stack from its beginning to its end, however it ends. */
  async #run(thread: Thread, { name, args }: Entry): Promise<void> {
    try {
      const main = this.#exports[name];
      if (typeof main !== 'function') throw new TypeError(`it exports no function ${name}`);
      const enter = WebAssembly.promising(main as (...args: number[]) => unknown);
      if (name === '_start') await this.#wasi?.begin(this.memory, this.#pages, args[0] ?? 0);
      await enter(...args);
      while (this.#asyncify?.isWoundUp()) {
        const pid = await this.#cloneProcess(thread, { name, args });
        this.#asyncify.windDown(pid);
        await enter(...args);
      }
      await thread.task.syscall('exit', 0);
    } catch (cause) {
      if (cause === gone || cause instanceof TaskExited || cause instanceof KernelDead) return;
      await this.#crash(thread, cause);
    } finally {
      thread.over = true;
    }
  }

  /** What a processor does when a program cannot go on: a signal that it cannot survive. Parents on the same stack neither. */
  async #crash(thread: Thread, cause: unknown): Promise<void> {
    const signal = fatalSignal(cause);
    this.#needs.log(`${this.name}[${thread.task.pid}]: ${cause instanceof Error ? cause.message : String(cause)}`);
    for (let task: HostedTask | undefined = thread.task; task; task = thread.giveBack()?.parent)
      await endBySignal(task, this.memory, signal);
  }

  // --- system calls ---

  /** The import `call`. */
  #call(thread: Thread | undefined, number: number, at: number): number | Promise<number> {
    if (!thread || thread.over || at % 8 !== 0 || !this.memory.has(at, ARGUMENT_BYTES)) return EFAULT;
    if (!this.memory.count()) return this.#overdrawn(thread);
    const mapped = memoryCalls.get(number);
    if (mapped) return this.#onMappings(mapped, thread, at);
    if (number === syscalls.clone[0]) return this.#clone(thread, at);
    if (number === syscalls.sysinfo[0]) return this.#sysinfo(thread, at);
    // musl 1.2.3 makes poll(2) of the ppoll whose times have 32 bits, with times of 64: the fraction of a second was lost.
    if (number === syscalls.ppoll[0]) return this.#inKernel(thread, syscalls.ppoll_time64[0], at);
    return this.#inKernel(thread, number, at);
  }

  /** Most calls: the kernel does it all. */
  #inKernel(thread: Thread, number: number, at: number): Promise<number> {
    return new Promise((settle, fail) =>
      thread.task.call(
        number,
        { memory: this.memory, at: ptr(at) },
        (ret) => {
          if (thread.replaced) this.#ended(thread, at).then(settle, fail);
          else settle(ret === ERESTARTSYS ? CALL_AGAIN : ret);
        },
        () => this.#ended(thread, at).then(settle, fail),
      ),
    );
  }

  /** A call that is made for the program: it has no handlers of signals, and neither vfork nor exec. */
  #byName(thread: Thread | undefined, name: SyscallName, args: readonly (number | bigint)[]): Promise<number> {
    if (!thread) return Promise.resolve(EFAULT);
    if (!this.memory.count()) return this.#overdrawn(thread);
    return new Promise((settle, fail) => {
      const ended = () => void this.#ended(thread, 0).then(settle, fail);
      thread.task.call(syscalls[name][0], args, settle, ended);
    });
  }

  #onMappings(call: MappingCall, thread: Thread, at: number): number | Promise<number> {
    const args = Array.from({ length: 6 }, (_, i) => this.memory.u32(ptr(at + 8 * i)));
    const ret = call({ task: thread.task, memory: this.memory, pages: this.#pages }, args);
    return typeof ret === 'number' ? ret : ret.catch(() => this.#ended(thread, at));
  }

  async #sysinfo(thread: Thread, at: number): Promise<number> {
    const ret = await this.#inKernel(thread, syscalls.sysinfo[0], at);
    if (ret === 0) tellMemory(this.memory, this.memory.u32(ptr(at)), this.#needs.budget, this.#pages.free);
    return ret;
  }

  /** It grew by itself to more than there is. */
  async #overdrawn(thread: Thread): Promise<number> {
    this.#needs.log(`${this.name}[${thread.task.pid}]: more memory than programs may have`);
    await endBySignal(thread.task, this.memory, SIGKILL);
    throw gone;
  }

  /** The task whose calls this stack made has ended, or runs another program: so the stack ends, or is the parent's again. */
  async #ended(thread: Thread, at: number): Promise<number> {
    thread.replaced = false;
    const lent = thread.giveBack();
    if (!lent) {
      if (++thread.lastCalls > LAST_CALLS) await new Promise(() => {});
      throw gone;
    }
    this.#tellPending();
    const pid = await lent.pid.promise.catch(() => {
      throw gone;
    });
    if (this.memory.has(at, ARGUMENT_BYTES)) this.memory.setI64FromNumber(ptr(at + EXTRA), pid);
    return VFORK_OVER;
  }

  // --- signals ---

  #takeFrame(thread: Thread | undefined, at: number): number {
    const taken = thread?.takeFrame(this.memory, at) ?? 0;
    this.#tellPending();
    return taken;
  }

  #tellPending(): void {
    if (this.#pendingAt === 0) return;
    this.memory.setU32(ptr(this.#pendingAt), this.#threads.some((thread) => thread.hasFrames) ? 1 : 0);
  }

  // --- new tasks ---

  #clone(thread: Thread, at: number): number | Promise<number> {
    const flags = this.memory.u32(ptr(at));
    if ((flags & CLONE_VM) === 0) return ENOSYS; // a fork is made by the import of that name
    if (flags & CLONE_THREAD) return this.#cloneThread(thread, flags, at);
    return flags & CLONE_VFORK ? this.#vfork(thread, flags, at) : ENOSYS;
  }

  async #cloneThread(thread: Thread, flags: number, at: number): Promise<number> {
    const [stack = 0, ptid = 0, tls = 0, ctid = 0, , fn = 0, arg = 0] = [1, 2, 3, 4, 5, 6, 7].map((i) =>
      this.memory.u32(ptr(at + 8 * i)),
    );
    thread.onChild = (child) => {
      const free = this.#threads.findIndex(({ over }) => over);
      const self = free < 0 ? this.#threads.length : free;
      this.#begin(child, self, { name: 'thread', args: [stack, tls, self, fn, arg] });
    };
    const args = [flags & ~CLONE_SETTLS, 0, ptid, ctid, 0];
    try {
      return await thread.task.syscall('clone', ...args);
    } catch {
      return await this.#ended(thread, at);
    } finally {
      thread.onChild = undefined;
    }
  }

  /** The parent's stack goes on as the child, which is in user mode before the parent's call returns. */
  #vfork(thread: Thread, flags: number, at: number): Promise<number> {
    const parent = thread.task;
    return new Promise((settle, fail) => {
      let lent: Lent | undefined;
      thread.onChild = (child) => {
        lent = new Lent(parent);
        thread.lent.push(lent);
        thread.task = child;
        child.attach();
        this.#needs.plays(child, this, thread);
        settle(0);
      };
      const returned = (ret: number) => {
        thread.onChild = undefined;
        if (lent) lent.returned(ret);
        // A child that was killed before it ran has no turn on this stack.
        else settle(ret < 0 ? ret : -errnos.EAGAIN.number);
      };
      const ended = (cause: unknown) => {
        thread.onChild = undefined;
        if (lent) lent.pid.reject(cause);
        else this.#ended(thread, at).then(settle, fail);
      };
      parent.call(syscalls.clone[0], [flags & ~CLONE_SETTLS, 0, 0, 0, 0], returned, ended);
    });
  }

  /** The import `fork`: winds the stack up; when that is done, `#run` clones, and parent and child come here once more. */
  #fork(): number {
    const answer = this.#asyncify?.arrived();
    if (answer !== undefined) return answer;
    const [thread, ...others] = this.#threads.filter(({ over }) => !over);
    if (!this.#asyncify || !thread || others.length > 0 || thread.lent.length > 0) return ENOSYS;
    return this.#asyncify.windUp();
  }

  async #cloneProcess(thread: Thread, entry: Entry): Promise<number> {
    thread.onChild = (child, copy) => {
      if (copy) copy.#resume(child, thread.self, entry);
    };
    this.#forking = true;
    try {
      return await thread.task.syscall('clone', SIGCHLD, 0, 0, 0, 0);
    } finally {
      this.#forking = false;
      thread.onChild = undefined;
    }
  }

  /** A copy goes on where its original was: in fork(), which answers 0 to it. */
  #resume(task: HostedTask, self: number, entry: Entry): void {
    this.#asyncify?.windDown(0);
    this.#begin(task, self, entry);
  }
}
