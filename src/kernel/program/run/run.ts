/** Runs one program from its exec to its end: the way to use them from TypeScript. */

import { errnos } from '../../../abi/errno.ts';
import { SIGKILL } from '../../../abi/uapi/wait.ts';
import { HostError } from '../../../errors/host-error.ts';
import { TaskExited } from '../../errors.ts';
import type { HostedTask } from '../../hosted-task.ts';
import { type Kernel, SCRATCH_BYTES } from '../../kernel.ts';
import { KernelError, must } from '../../kernel-error.ts';
import { close } from '../../syscalls/file.ts';
import { leave } from '../../tasks/leave.ts';
import { exec, MOST_ARGUMENT_BYTES, scratchFor } from './exec.ts';
import { pipeFiles } from './pipes.ts';
import { closeAll, drain, type Files, feed, readable, type Sink, type Source } from './stdio.ts';
import { setSize, type TerminalSize, terminalFiles } from './terminal.ts';

export interface ProgramRun {
  /** What is executed. */
  readonly path: string;
  /** Default: the path alone. */
  readonly argv?: readonly string[];
  /** `NAME=value`. Default: none. */
  readonly env?: readonly string[];
  /** Default: "/". */
  readonly cwd?: string;
  /** Default: its end at once, but in a terminal, where it does not come. */
  readonly stdin?: Source;
  /** Default: forgotten. */
  readonly stdout?: Sink;
  readonly stderr?: Sink;
  /** All three are a terminal of this size, whose output is `stdout`'s. Default: they are pipes. */
  readonly terminal?: TerminalSize;
  /** Whose child's child it is, with his root, namespaces and rights; default: pid 1. It must not be in a call. */
  readonly parent?: HostedTask;
  /** Told the pid that it will have, before anything of it is opened: that may wait for others, and be ended by SIGKILL. */
  readonly begun?: (pid: number) => void;
  /** Told once, as soon as the program runs. */
  readonly started?: (program: RunningProgram) => void;
}

export interface RunningProgram {
  /** As the first pid namespace has it. */
  readonly pid: number;
  /** kill(2), in the name of its parent. It may have ended meanwhile: that is no error. */
  kill(signal: number): Promise<void>;
  /** Its terminal, if it has one, has another size now. */
  resize(size: TerminalSize): Promise<void>;
}

/** How it ended: one of both. */
export interface ProgramEnd {
  readonly exitCode?: number;
  readonly signal?: number;
}
const ESRCH = -errnos.ESRCH.number;

/**
 * Settles when the program has ended and all that it wrote is told. What it left running goes on, without anyone who
 * hears it. Throws KernelError when it cannot be executed, and `program-killed` when it killed whoever hears it (kill -1).
 */
export async function runProgram(kernel: Kernel, run: ProgramRun): Promise<ProgramEnd> {
  const parent = run.parent ?? kernel.init;
  const shepherd = await kernel.spawn(parent);
  // Whoever is pid 1 thinks of nothing else: virtual time passes for the program.
  const others = new Set([parent, kernel.init]);
  const goOn = [...others].map((task) => task.pause());
  try {
    return await new Run(kernel, run, shepherd).go();
  } catch (cause) {
    throw cause instanceof TaskExited ? new HostError('program-killed', undefined, { cause }) : cause;
  } finally {
    for (const resume of goOn) resume();
    await leave(shepherd);
    await reap(parent, shepherd.pid);
  }
}

/** Tasks of one run: the program's, its shepherd's, who hears and waits, and who feeds it. */
class Run {
  readonly #kernel: Kernel;
  readonly #run: ProgramRun;
  readonly #shepherd: HostedTask;

  constructor(kernel: Kernel, run: ProgramRun, shepherd: HostedTask) {
    this.#kernel = kernel;
    this.#run = run;
    this.#shepherd = shepherd;
  }

  async go(): Promise<ProgramEnd> {
    const shepherd = this.#shepherd;
    const { terminal, stdout = () => {}, stderr = () => {} } = this.#run;
    await closeAll(shepherd);
    const files = await (terminal ? terminalFiles(shepherd, terminal, stdout) : pipeFiles(shepherd, stdout, stderr));
    const pid = await this.#start(files);
    await files.started();
    const feeder = await this.#kernel.spawn(shepherd);
    if (!terminal) await close(shepherd, files.input);
    void this.#feed(feeder, files);
    this.#run.started?.({
      pid,
      kill: async (signal) => {
        const ret = await (this.#run.parent ?? this.#kernel.init).syscall('kill', pid, signal);
        if (ret !== ESRCH) must('kill', ret);
      },
      resize: async (size) => {
        if (terminal) await setSize(feeder, files.input, size);
      },
    });
    try {
      await this.#hear(pid, files);
      return await reap(shepherd, pid);
    } finally {
      await shepherd.syscall('kill', feeder.pid, SIGKILL);
      await reap(shepherd, feeder.pid);
    }
  }

  /** The program's task; answers its pid. */
  async #start(files: Files): Promise<number> {
    const { path, argv = [path], env = [], cwd = '/' } = this.#run;
    const bytes = scratchFor([path, ...argv, ...env]);
    // One that has more is told so by exec, and need not be laid out.
    if (bytes > 4 * MOST_ARGUMENT_BYTES) throw new KernelError('execve', errnos.E2BIG.number, path);
    const child = await this.#kernel.spawn(this.#shepherd, 0, Math.max(bytes, SCRATCH_BYTES));
    this.#run.begun?.(child.pid);
    try {
      await files.become(child);
      child.memory.writeCstring(child.scratch, new TextEncoder().encode(cwd));
      must('chdir', await child.syscall('chdir', child.scratch), cwd);
      await exec(child, path, argv, env);
      return child.pid;
    } catch (cause) {
      await leave(child, 127);
      await reap(this.#shepherd, child.pid);
      throw cause;
    }
  }

  /** Until the source ends, or whoever reads: then the feeder sleeps, or is no more. */
  async #feed(feeder: HostedTask, files: Files): Promise<void> {
    const { stdin, terminal } = this.#run;
    try {
      for (const [fd] of files.outputs) if (fd !== files.input) await close(feeder, fd);
      if (stdin) await feed(feeder, files.input, stdin);
      if (stdin || !terminal) await files.end(feeder);
      feeder.detach();
    } catch (cause) {
      // A broken source is an end like others to the program. A kernel that died tells everyone itself.
      if (!(cause instanceof TaskExited)) await leave(feeder, 1).catch(() => {});
    }
  }

  /** Until the program has ended: all that comes out of these goes to its sink. */
  async #hear(pid: number, { outputs }: Files): Promise<void> {
    const shepherd = this.#shepherd;
    const pidfd = must('pidfd_open', await shepherd.syscall('pidfd_open', pid, 0));
    const open = new Map(outputs);
    for (;;) {
      const ready = await readable(shepherd, [pidfd, ...open.keys()]);
      for (const [fd, sink] of open) if (!(await drain(shepherd, fd, sink))) open.delete(fd);
      if (ready.has(pidfd)) return;
    }
  }
}

/** wait4(2). */
async function reap(task: HostedTask, pid: number): Promise<ProgramEnd> {
  must('wait4', await task.syscall('wait4', pid, task.scratch, 0, 0));
  const status = task.memory.u32(task.scratch);
  return status & 0x7f ? { signal: status & 0x7f } : { exitCode: (status >> 8) & 0xff };
}
