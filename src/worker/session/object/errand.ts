/** What the supervisor does in a session's kernel, by a task of its own: it ends with what it was made for, and the session lives on. */

import { AT_EMPTY_PATH } from '../../../abi/uapi/fs.ts';
import { CLONE_FILES } from '../../../abi/uapi/sched.ts';
import { SIGKILL, WALL, WNOHANG } from '../../../abi/uapi/wait.ts';
import { HostError } from '../../../errors/host-error.ts';
import { TaskExited } from '../../../kernel/errors.ts';
import type { Host } from '../../../kernel/host.ts';
import type { HostedTask } from '../../../kernel/hosted-task.ts';
import { adopt, type Kernel } from '../../../kernel/kernel.ts';
import { KernelError, must } from '../../../kernel/kernel-error.ts';
import { close, statx } from '../../../kernel/syscalls/file.ts';
import { leave } from '../../../kernel/tasks/leave.ts';
import { type WaitFor, watched } from '../watched.ts';

/** One call that waits from one look to the next, and for no disk, waits for a program. */
const LOOK_MS = 5000;
/** What each deadlock is answered with, until those that wait for the errand have heard that it is given up. */
const MOST_MENDS = 64;
const CLOSE_RANGE_UNSHARE = 2;
/** uapi/linux/pidfd.h */
const [PIDFD_GET_PID_NAMESPACE, PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE] = [0xff05, 0xff06];

/** asm-generic/resource.h: what would end it, or keep it from opening the few files that it needs. */
const RLIM_INFINITY = 2n ** 64n - 1n;
const LIMITS = [
  [0, RLIM_INFINITY], // RLIMIT_CPU
  [1, RLIM_INFINITY], // RLIMIT_FSIZE
  [7, 32n], // RLIMIT_NOFILE: fs.nr_open is no less
] as const;

/**
 * `work` sees files as pid 1 does: its root, mounts and rights; its limits where pid 1 may not raise them. What it waits for there may
 * be a program that never answers (fanotify, a file system that was frozen): then it is given up, with `program-prevents`.
 * Where there can be no such task pid 1 does it, and the kernel ends with what never does.
 */
export async function errand<T>(
  kernel: Kernel,
  host: Pick<Host, 'timer'>,
  work: (task: HostedTask, waitFor: WaitFor) => Promise<T>,
): Promise<T> {
  const { engine, init } = kernel;
  const starting = new Set([init]);
  const { value: task, wasLate } = await hurried(kernel, host, starting, () => begun(kernel, starting));
  if (wasLate) {
    if (task) endLater(kernel, task);
    throw new HostError('program-prevents', UNDECIDED);
  }
  if (!task) {
    const stalled = (detail: string) => kernel.kill('deadline', detail);
    return watched({ engine, task: init, stalled }, host, (waitFor) => work(init, waitFor));
  }
  const goOn = init.pause(); // time passes for the task, and pid 1 does nothing meanwhile
  const given = Promise.withResolvers<never>();
  given.promise.catch(() => {}); // whoever waits for the work hears it
  let isGivenUp = false;
  const giveUp = (why: string) => {
    const call = task.runningCall;
    if (!isGivenUp) endLater(kernel, task);
    isGivenUp = true;
    given.reject(new HostError('program-prevents', call ? `${call} waits for a program in the session: ${why}` : why));
  };
  let mends = 0;
  const noMore = engine.onDeadlock(() => {
    giveUp('nothing else would end that');
    return mends++ < MOST_MENDS;
  });
  const lookNoMore = looking(kernel, new Set([task]), host, () => giveUp(`it did for ${LOOK_MS / 1000} s`));
  try {
    const done = watched({ engine, task, stalled: giveUp }, host, (waitFor) => work(task, waitFor));
    return await Promise.race([done, given.promise]);
  } catch (cause) {
    if (!(cause instanceof TaskExited)) throw cause;
    throw new HostError('program-prevents', 'a program in the session ended the task that did it', { cause });
  } finally {
    lookNoMore();
    noMore();
    if (!isGivenUp) {
      const ended = await hurried(kernel, host, new Set([init, task]), () => end(kernel, task));
      if (ended.wasLate) endLater(kernel, task);
    }
    goOn();
  }
}

/** Undefined: there can be none. It has no file open, and holds none of pid 1's: who waits for the end of a pipe does not wait for it. */
async function begun(kernel: Kernel, starting: Set<HostedTask>): Promise<HostedTask | undefined> {
  const { engine, init } = kernel;
  if (!(await sharesPids(init).catch(unlessRefused))) return undefined;
  // No signal tells of its end (the flags have none), as pid 1 knows nothing of it.
  const pid = await init.syscall('clone', CLONE_FILES, 0, 0, 0, 0);
  if (pid < 0) return undefined;
  const task = await init.waitFor(engine.task(pid));
  starting.add(task);
  try {
    await adopt(task);
    // Copies that it would have to close could hold it up: the file table is left, not copied.
    must('close_range', await task.syscall('close_range', 0, 0xffff_ffff, CLOSE_RANGE_UNSHARE));
    for (const [resource, most] of LIMITS) {
      task.memory.data.setBigUint64(task.scratch, most, true);
      task.memory.data.setBigUint64(task.scratch + 8, most, true);
      await task.syscall('prlimit64', 0, resource, task.scratch, 0); // what may not be raised stays as it is
    }
    return task;
  } catch (cause) {
    await end(kernel, task);
    return unlessRefused(cause);
  }
}

function unlessRefused(cause: unknown): undefined {
  if (!(cause instanceof KernelError)) throw cause;
}

/**
 * Whether its children are in its own pid namespace. After an unshare(CLONE_NEWPID) the first child is that namespace's pid 1, at
 * whose end nobody can be made in it any more: that is a program's to be.
 */
async function sharesPids(init: HostedTask): Promise<boolean> {
  const pidfd = await init.syscall('pidfd_open', init.pid, 0);
  if (pidfd < 0) return true; // it may open no file
  const fds = [pidfd];
  try {
    const inodes: bigint[] = [];
    for (const which of [PIDFD_GET_PID_NAMESPACE, PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE]) {
      const fd = await init.syscall('ioctl', pidfd, which, 0);
      if (fd < 0) return false; // of one without a task there is none
      fds.push(fd);
      inodes.push((await statx(init, fd, '', AT_EMPTY_PATH)).ino);
    }
    return inodes[0] === inodes[1];
  } finally {
    for (const fd of fds) await close(init, fd);
  }
}

const UNDECIDED = 'a program in the session decides which calls may be made, and does not';

/**
 * A filter of calls (seccomp) that a program sets on pid 1 holds for its children, and may leave the decision to somebody who never makes
 * it. A call that one of `tasks` is in from one look to the next ends with EINTR then.
 */
export async function hurried<T>(
  kernel: Kernel,
  host: Pick<Host, 'timer'>,
  tasks: ReadonlySet<HostedTask>,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly wasLate: boolean }> {
  const { engine } = kernel;
  let wasLate = false;
  const end = (task: HostedTask) => {
    wasLate = true;
    engine.interrupt(task);
    return true;
  };
  const lookNoMore = looking(kernel, tasks, host, end);
  let mends = 0;
  const noMore = engine.onDeadlock(() => {
    const waiting = [...tasks].filter((task) => task.inCall);
    return mends++ < MOST_MENDS && waiting.map(end).length > 0;
  });
  try {
    return { value: await work(), wasLate };
  } catch (cause) {
    throw wasLate && cause instanceof KernelError ? new HostError('program-prevents', UNDECIDED, { cause }) : cause;
  } finally {
    lookNoMore();
    noMore();
  }
}

/** A child of pid 1's, of which nothing stays. */
export async function end(kernel: Kernel, task: HostedTask): Promise<void> {
  if (kernel.dead) return;
  await leave(task);
  await reap(kernel, task);
}

/** By a signal, once the call that it is in may be ended. */
function endLater(kernel: Kernel, task: HostedTask): void {
  const { engine, init } = kernel;
  init
    .syscall('kill', task.pid, SIGKILL)
    .then(() => engine.settled(init))
    .then(() => reap(kernel, task))
    .catch(() => {}); // a kernel that died tells so itself
}

async function reap({ dead, init }: Kernel, { pid }: HostedTask): Promise<void> {
  if (!dead) await init.syscall('wait4', pid, 0, WNOHANG | WALL, 0);
}

/** Calls `blocked` with each of `tasks` that is in one call from one look to the next. Answers how to end that. */
function looking(
  { engine }: Kernel,
  tasks: ReadonlySet<HostedTask>,
  host: Pick<Host, 'timer'>,
  blocked: (task: HostedTask) => void,
): () => void {
  const seen = new Map<HostedTask, object | undefined>();
  const look = () => {
    for (const task of tasks) {
      const now = engine.ioInFlight > 0 ? undefined : task.underWay;
      if (now !== undefined && now === seen.get(task)) blocked(task);
      seen.set(task, now);
    }
    cancel = host.timer(LOOK_MS, look);
  };
  let cancel = host.timer(LOOK_MS, look);
  return () => cancel();
}
