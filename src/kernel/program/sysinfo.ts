/** What sysinfo(2) tells a program of memory: not the kernel's own, but what programs may have. */

import { type Ptr, ptr } from '../memory.ts';
import type { Budget } from './budget.ts';
import type { ProgramMemory } from './program-memory.ts';

/** Offsets in struct sysinfo of 32 bits (uapi/linux/sysinfo.h), all u32. */
const SYSINFO = { totalram: 16, freeram: 20, sharedram: 24, bufferram: 28, totalhigh: 44, freehigh: 48, unit: 52 };
const MOST = 0xffff_ffff;
/** Programs that size their caches by it refuse to begin on a machine with less (mksquashfs): what is free they are told as it is. */
const LEAST_TOLD = 64 << 20;

/** Into the struct that the kernel has filled. `free`: bytes that the program has and does not use. */
export function tellMemory(memory: ProgramMemory, at: number, budget: Budget, free: number): void {
  const put = (offset: number, value: number) =>
    memory.setU32((ptr(at) + offset) as Ptr, Math.min(Math.floor(value), MOST));
  put(SYSINFO.totalram, Math.max(budget.limit, LEAST_TOLD));
  put(SYSINFO.freeram, budget.left + free);
  for (const none of [SYSINFO.sharedram, SYSINFO.bufferram, SYSINFO.totalhigh, SYSINFO.freehigh]) put(none, 0);
  put(SYSINFO.unit, 1);
}
