/** Bounds what TCP may hold by the memory that its kernel has: a buffer without a limit of its own must not be the end of all. */

import type { Kernel } from '../../../kernel/kernel.ts';
import { setSysctl } from '../../../kernel/syscalls/sysctl.ts';
import { readText } from '../../../kernel/sysfs.ts';

/**
 * Of what is left for all: from here on buffers do not grow, from here on they shrink, and more than that they do not get.
 * The plan was given what its paths and queues hold (footprint.ts): whoever comes here is told of in the answer.
 */
const SHARES = [12 / 16, 13 / 16, 14 / 16] as const;
const PAGE_KIB = 4;

/** tcp_mem belongs to the first network namespace, so the kernel's first task sets it. */
export async function boundTcpMemory({ init, engine, memoryBytes }: Kernel): Promise<void> {
  const free = Number(/^MemFree: +(\d+) kB$/m.exec(await readText(init, '/proc/meminfo'))?.[1]);
  const left = (engine.memoryLimit - memoryBytes) / 1024 + free;
  const pages = SHARES.map((share) => Math.floor((share * left) / PAGE_KIB));
  await setSysctl(init, 'net.ipv4.tcp_mem', pages.join(' '));
}
