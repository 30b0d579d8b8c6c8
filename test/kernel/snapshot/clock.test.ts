/** Clocks of restored kernels: the day is today's, whenever the snapshot was made; what the kernel lived goes on. */

import { expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { openat } from '../../../src/kernel/syscalls/file.ts';
import { readText } from '../../../src/kernel/sysfs.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { restoredKernel } from '../restored.ts';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
/** Of `struct stat64` (uapi/asm-generic/stat.h): st_mtime. */
const MTIME = 80;
const MONTH = 30 * 86_400;
const TODAY = 1_800_000_000;

/** What the clocks of a kernel say that is restored `seconds` after 1970. */
async function clocksAt(seconds: number) {
  const kernel = restoredKernel(20, {
    ...nodeHost,
    entropy: (into) => into.fill(1),
    realtimeNs: () => seconds * 1e9,
  });
  const { init } = kernel;
  const { scratch, memory } = init;
  const clock = async (id: number) => {
    expect(await init.syscall('clock_gettime64', id, scratch)).toBe(0);
    return memory.u64(scratch);
  };
  const [realtime, monotonic] = [await clock(CLOCK_REALTIME), await clock(CLOCK_MONOTONIC)];
  const fd = await openat(init, AT_FDCWD, '/tmp/new', O_RDWR | O_CREAT, 0o600);
  expect(await init.syscall('fstat64', fd, scratch)).toBe(0);
  const written = memory.u32(plus(scratch, MTIME));
  const boot = /^btime (\d+)$/m.exec(await readText(init, '/proc/stat'))?.[1];
  kernel.kill();
  return { realtime: Number(realtime), monotonic, written, boot: Number(boot) };
}

it('a kernel restored a month later knows the day, and is no older', async () => {
  const [now, later] = [await clocksAt(TODAY), await clocksAt(TODAY + MONTH)];
  expect(now).toMatchObject({ realtime: TODAY, written: TODAY });
  expect(later).toMatchObject({ realtime: TODAY + MONTH, written: TODAY + MONTH });
  expect(later.monotonic).toBe(now.monotonic);
  expect(later.boot - now.boot).toBe(MONTH);
});
