/** A live kernel as a difference against the boot snapshot, and back: how a session outlives its isolate. */

import { AT_FDCWD, O_RDONLY } from '../abi/uapi/fs.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import type { Kernel, KernelOptions } from './kernel.ts';
import { must } from './kernel-error.ts';
import type { Machine } from './machine.ts';
import { NotQuiesced, quiesce, restore, type SnapshotState } from './snapshot.ts';
import { close, openat } from './syscalls/file.ts';
import { sleepNs } from './syscalls/time.ts';
import { readText } from './sysfs.ts';
import type { UserTask } from './user-task.ts';

export const PAGE = 4096;

/** A kernel at rest: what describes it, and the pages in which it differs from the boot snapshot. */
export interface Suspended {
  readonly state: Omit<SnapshotState, 'buildId'>;
  /** Page numbers, ascending. */
  readonly pages: readonly number[];
  /** The pages' bytes, one after another. */
  readonly bytes: Uint8Array;
}

/**
 * Put the kernel to rest and take it down as data. File systems are frozen first, and thawed after `resume`. Rejects with NotQuiesced, and the kernel goes on, when something cannot be saved.
 * Afterwards kill it, or let it `goOn`. `clean` answers the memory of a clean machine of the same snapshot.
 */
export async function suspend(kernel: Kernel, clean: () => Uint8Array, turn: () => Promise<void>): Promise<Suspended> {
  const state = await rest(kernel, turn);
  const base = clean();
  const memory = kernel.engine.memory.bytes;
  const pages: number[] = [];
  for (let page = 0; page * PAGE < memory.length; page++) {
    if (differs(memory, base, page * PAGE)) pages.push(page);
  }
  const bytes = new Uint8Array(pages.length * PAGE);
  for (const [i, page] of pages.entries()) bytes.set(memory.subarray(page * PAGE, (page + 1) * PAGE), i * PAGE);
  return { state, pages, bytes };
}

/** How often, and for how long in the kernel's own time, a thread that is about to end is waited for. */
const TRIES = 6;
const TRY_NS = 1_000_000_000n;

/** Threads such as ext4lazyinit, which run for a while after a mount and cannot be saved, get the time to end. */
async function rest(kernel: Kernel, turn: () => Promise<void>): Promise<Suspended['state']> {
  for (let tries = 1; ; tries++) {
    await freeze(kernel.init, FIFREEZE);
    try {
      return await quiesce(kernel, turn);
    } catch (cause) {
      await goOn(kernel);
      if (!(cause instanceof NotQuiesced) || tries === TRIES) throw cause;
      await sleepNs(kernel.init, TRY_NS);
    }
  }
}

/** ioctl(2) numbers of include/uapi/linux/fs.h. */
const FIFREEZE = 0xc004_5877;
const FITHAW = 0xc004_5878;

/**
 * Freeze or thaw every file system on a disk. Frozen, it has an empty journal and arms no timer: the journal thread
 * sets its timer up anew when it is re-entered, which an armed one would not survive.
 */
async function freeze(init: UserTask, request: number): Promise<void> {
  const disks = (await readText(init, '/proc/mounts')).split('\n').filter((line) => line.startsWith('/dev/'));
  for (const target of new Set(disks.map((line) => line.split(' ')[1] ?? ''))) {
    const path = target.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    const fd = must('openat', await openat(init, AT_FDCWD, path, O_RDONLY), path);
    // Refused where a file system cannot be frozen, or is: both are as well as frozen.
    await init.syscall('ioctl', fd, request, 0);
    await close(init, fd);
  }
}

/** The kernel that was suspended goes on as if nothing had been. */
export async function goOn({ init }: Kernel): Promise<void> {
  init.attach();
  await freeze(init, FITHAW);
}

/** The kernel goes on in a clean machine that has grown to its size, on the same disks in the same order. */
export async function resume(
  machine: Machine,
  { state, pages, bytes }: Suspended,
  buildId: string,
  options: KernelOptions & { readonly disks?: readonly BlockDevice[] },
): Promise<Kernel> {
  const memory = machine.memory.bytes;
  for (const [i, page] of pages.entries()) memory.set(bytes.subarray(i * PAGE, (i + 1) * PAGE), page * PAGE);
  const kernel = restore(machine, { ...state, buildId }, options);
  await goOn(kernel);
  return kernel;
}

/** Whether a page differs; beyond the end of `base` there are zeros. */
function differs(memory: Uint8Array, base: Uint8Array, at: number): boolean {
  const words = new Uint32Array(memory.buffer, memory.byteOffset + at, PAGE / 4);
  if (at >= base.length) return words.some((word) => word !== 0);
  const old = new Uint32Array(base.buffer, base.byteOffset + at, PAGE / 4);
  return words.some((word, i) => word !== old[i]);
}
