/** A sleeping kernel as data: what may be saved, and the tasks a restored one starts with. */

import type { BlockDevice } from '../../storage/block-device.ts';
import { Engine } from '../engine.ts';
import type { HostedTask } from '../hosted-task.ts';
import { DEFAULT_MEMORY_MIB, Kernel, type KernelOptions, mib, type SavedDisk } from '../kernel.ts';
import { Machine } from '../machine.ts';
import { type Ptr, ptr } from '../memory.ts';
import type { SavedNet } from '../nets.ts';
import type { TaskInfo } from '../tasks/task-list.ts';

/** Grows with every change of what a snapshot holds. */
const SNAPSHOT_FORMAT = 1;

/** A user task asleep in its user loop. */
export interface SavedTask {
  readonly pid: number;
  readonly address: number;
  readonly regs: number;
  readonly scratch: number;
  readonly scratchBytes: number;
}

/** What goes with the memory. Engine stacks are not there: every task starts over where it sleeps. */
export interface SnapshotState {
  readonly format: number;
  /** Of kernel.wasm, the kernel and its boot snapshot: what was saved is a difference against that, and nonsense on any other. */
  readonly buildId: string;
  readonly memoryBytes: number;
  readonly tasks: readonly SavedTask[];
  /** None in the boot snapshot. */
  readonly disks?: readonly SavedDisk[];
  /** Network cards; none in the boot snapshot. */
  readonly nets?: readonly SavedNet[];
  /** Programs that there were, all ended; none in the boot snapshot. */
  readonly programs?: number;
}

/** The kernel does something that a snapshot cannot hold. */
export class NotQuiesced extends Error {
  override readonly name = 'NotQuiesced';
}

/**
 * Kernel threads that may be re-entered at the top of their function, by name, and why: each only looks for work there.
 * They do so the first time something wakes them, the timer of a sleep among it; a journal's right after a restore
 * (wasm/arch/lkl/kernel/snapshot.c). The kernel cuts names to 15 bytes.
 */
const reenterable: readonly {
  readonly comm: RegExp;
  readonly why: string;
  /** It sleeps with TASK_FREEZABLE, and without a wait entry on its stack. */
  readonly freezable?: true;
}[] = [
  { comm: /^kthreadd$/, why: 'loops over its list of threads to make' },
  { comm: /^kworker\//, why: 'an idle worker or rescuer starts at the top of its loop each time it is woken' },
  { comm: /^ksoftirqd\/0$/, why: 'smpboot_thread_fn asks whether it should run' },
  { comm: /^pool_workqueue_/, why: 'kthread_worker_fn looks at its list of works' },
  { comm: /^rcu_tasks/, why: 'waits for callbacks at the top of its loop' },
  { comm: /^kswapd0$/, why: 'balances when asked' },
  { comm: /^oom_reaper$/, why: 'waits for a victim in a list' },
  { comm: /^khungtaskd$/, why: 'sleeps between scans' },
  { comm: /^jfs(IO|Commit|Sync)$/, why: 'takes log and transaction work from lists' },
  { comm: /^jbd2\//, why: 'kjournald2: its top only sets up the commit timer and waits' },
  { comm: /^(xfsaild|xfs-)/, why: 'pushes the AIL list in a loop', freezable: true },
  { comm: /^btrfs-(cleaner|transacti)$/, why: 'looks for work and sleeps' },
  { comm: /^loop\d+$/, why: 'kthread_worker_fn looks at its list of works' },
  { comm: /^md(\d+|X)_/, why: 'md_thread waits to be woken, then lets its personality look for work' },
  { comm: /^f2fs_/, why: 'checks for flush, discard or gc work and sleeps', freezable: true },
];

const TASK_INTERRUPTIBLE = 1;
const TASK_IDLE = 0x402;
const TASK_DEAD = 0x80;
const TASK_FREEZABLE = 0x2000;
const PF_KTHREAD = 0x0020_0000;

/** Why this task cannot be saved; undefined when it can. */
function obstacle(task: TaskInfo): string | undefined {
  const name = `task ${task.pid} (${task.comm})`;
  if (task.state === TASK_DEAD) return undefined; // a zombie: it never runs again
  if (!(task.flags & PF_KTHREAD)) return task.inUserLoop ? undefined : `${name} is inside a system call`;
  const row = reenterable.find(({ comm }) => comm.test(task.comm));
  const state = row?.freezable ? task.state & ~TASK_FREEZABLE : task.state;
  if (state !== TASK_INTERRUPTIBLE && state !== TASK_IDLE) return `${name} is not asleep`;
  return row ? undefined : `${name} is not known to be re-enterable`;
}

/**
 * Put the kernel to sleep and describe it. Its programs must be done; afterwards memory may be read, and the kernel
 * may also go on. Throws `NotQuiesced`, naming the task, when it cannot be saved as it is.
 */
export async function quiesce(kernel: Kernel, turn: () => Promise<void>): Promise<Omit<SnapshotState, 'buildId'>> {
  const { engine } = kernel;
  const [program] = engine.programs.running;
  if (program) {
    const which = `program ${program.name} (pid ${program.pid})`;
    throw new NotQuiesced(`${which} runs, and its stack cannot be saved: wait until it has ended, or kill it`);
  }
  const busy = engine.tasks.find((task) => task.inCall);
  if (busy) throw new NotQuiesced(`task ${busy.pid} is inside ${busy.runningCall}`);
  for (const task of engine.tasks) task.detach();
  for (let turns = 0; !engine.quiet; turns++) {
    if (turns > 1000) throw new NotQuiesced('something is still in flight');
    await turn();
  }
  const tasks = kernel.tasks();
  const obstacles = tasks.map(obstacle).filter((text) => text !== undefined);
  obstacles.push(...engine.deviceObstacles);
  if (obstacles.length > 0) throw new NotQuiesced(obstacles.join('; '));
  return {
    format: SNAPSHOT_FORMAT,
    memoryBytes: engine.memoryBytes,
    tasks: engine.tasks.map((task) => ({
      pid: task.pid,
      address: task.address,
      regs: task.regs,
      scratch: task.scratch,
      scratchBytes: task.scratchBytes,
    })),
    ...(kernel.disks.length > 0 ? { disks: kernel.disks } : {}),
    ...(kernel.nets.saved.length > 0 ? { nets: kernel.nets.saved } : {}),
    ...(engine.programs.made > 0 ? { programs: engine.programs.made } : {}),
  };
}

/** A machine for `restore`, clean: with the snapshot in its memory and nothing else. It may grow to `memoryMib`. */
export function freshMachine(
  module: WebAssembly.Module,
  state: SnapshotState,
  memoryMib = DEFAULT_MEMORY_MIB,
): Machine {
  const machine = new Machine(module, state.memoryBytes, mib(memoryMib));
  machine.call('restore', 0);
  return machine;
}

/** Overwrite the whole memory of a used machine with the snapshot, and with zeros beyond it: nothing of the last kernel stays. */
export function cleanMachine(machine: Machine): void {
  machine.call('restore', 1);
}

/**
 * A kernel that goes on from the snapshot in a clean machine. By default it may have all that the machine can. Its network
 * cards have no cable until they are given back ends again.
 */
export function restore(
  machine: Machine,
  state: SnapshotState,
  options: KernelOptions & { readonly disks?: readonly BlockDevice[] },
): Kernel {
  const { host, clock = 'virtual', memoryMib, programMib } = options;
  const memoryLimit = memoryMib === undefined ? machine.maximumBytes : mib(memoryMib);
  if (memoryLimit > machine.maximumBytes) throw new RangeError(`this machine has no ${memoryMib} MiB`);
  const engine = new Engine(machine, { host, clock, memoryLimit, commandLine: '', restored: true });
  engine.programs.goOnFrom(state.programs ?? 0);
  if (programMib !== undefined) engine.programs.memoryLimit = mib(programMib);
  let init: HostedTask | undefined;
  for (const saved of state.tasks) {
    const task = engine.adopt(saved.address, saved.pid, ptr(saved.regs));
    task.scratch = saved.scratch as Ptr;
    task.scratchBytes = saved.scratchBytes;
    if (saved.pid === 1) init = task;
  }
  if (!init) throw new NotQuiesced('the snapshot has no pid 1');
  init.attach();
  const kernel = new Kernel(engine, init);
  for (const [i, saved] of (state.disks ?? []).entries()) {
    const device = options.disks?.[i];
    if (!device) throw new NotQuiesced(`the snapshot wants a disk for ${saved.name}`);
    kernel.replugDisk(device, saved);
  }
  for (const saved of state.nets ?? []) kernel.nets.restore(saved);
  engine.run();
  return kernel;
}

/** The runs of non-zero bytes in memory; gaps shorter than `gap` bytes do not split a run. */
export function* nonZeroRuns(
  memory: Uint8Array,
  gap = 64,
): Generator<{ readonly at: number; readonly bytes: Uint8Array }> {
  const words = new BigUint64Array(memory.buffer, memory.byteOffset, memory.byteLength >> 3);
  const gapWords = Math.max(1, gap >> 3);
  let start = -1;
  let last = -1;
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 0n) continue;
    if (start >= 0 && i - last > gapWords) {
      yield { at: start * 8, bytes: memory.subarray(start * 8, last * 8 + 8) };
      start = i;
    } else if (start < 0) start = i;
    last = i;
  }
  if (start >= 0) yield { at: start * 8, bytes: memory.subarray(start * 8, last * 8 + 8) };
}
