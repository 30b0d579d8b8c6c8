/** A booted kernel before its snapshot: at rest, and with nothing in its memory that it no longer has. */

import { AT_FDCWD, O_RDONLY } from '../../abi/uapi/fs.ts';
import type { Kernel } from '../kernel.ts';
import { must } from '../kernel-error.ts';
import { close, openat, read } from '../syscalls/file.ts';
import { mapBuffer, unmapBuffer } from '../syscalls/memory.ts';
import type { UserBuffer } from '../syscalls/scratch.ts';
import { sleepNs } from '../syscalls/time.ts';

const PAGE = 4096;
/** PAGE_ALLOC_COSTLY_ORDER: a larger block that is not there is refused, for a smaller one the OOM killer looks for a victim. */
const COSTLY_ORDER = 3;
/** What a kernel puts off it does in this time: workqueues, RCU, delayed frees. */
const SETTLE_NS = 30_000_000_000n;

export async function settle(kernel: Kernel): Promise<void> {
  await clearFreeMemory(kernel);
  await sleepNs(kernel.init, SETTLE_NS);
}

/**
 * Every large free block is mapped as anonymous memory, which Linux clears, and given back. The kernel must not grow for it.
 * Small blocks stay as they are: there are few, and the kernel needs some meanwhile.
 */
async function clearFreeMemory({ engine, init }: Kernel): Promise<void> {
  const { memoryLimit } = engine;
  engine.memoryLimit = engine.memoryBytes;
  for (const [order, blocks] of [...(await freeBlocks(init)).entries()].reverse()) {
    if (order < COSTLY_ORDER) break;
    const mapped: UserBuffer[] = [];
    for (let block = 0; block < blocks; block++) mapped.push(await mapBuffer(init, PAGE << order));
    for (const buffer of mapped) await unmapBuffer(init, buffer);
  }
  engine.memoryLimit = memoryLimit;
}

/** From /proc/buddyinfo: how many blocks of 1, 2, 4, … pages are free. */
async function freeBlocks(init: Kernel['init']): Promise<number[]> {
  const fd = must('openat', await openat(init, AT_FDCWD, '/proc/buddyinfo', O_RDONLY), '/proc/buddyinfo');
  const page = await mapBuffer(init, PAGE);
  const bytes = must('read', await read(init, fd, page), '/proc/buddyinfo');
  const text = new TextDecoder().decode(init.memory.copy(page.at, bytes));
  await unmapBuffer(init, page);
  must('close', await close(init, fd));
  const counts = /Normal((?:\s+\d+)+)/.exec(text)?.[1];
  if (counts === undefined) throw new Error(`/proc/buddyinfo has no zone: ${text}`);
  return counts.trim().split(/\s+/).map(Number);
}
