/** Boots a kernel from its first instruction: seconds of work that `npm run snapshot` does once, and tests compare with. */

import { Engine } from './engine.ts';
import { must } from './kernel-error.ts';
import { adopt, Kernel, type KernelOptions, mib, newMemory } from './kernel.ts';
import { mkdirat } from './syscalls/dir.ts';
import { mount } from './syscalls/mount.ts';
import { AT_FDCWD } from '../abi/uapi/fs.ts';

/** What the kernel starts with. Hash tables are sized by it, so small is lean. */
export const BOOT_MEMORY_MIB = 12;

/** Quiet until asked, no waiting, pid 1 is /init, a panic is final. */
const COMMAND_LINE = 'rdinit=/init panic=-1 loglevel=7';

const FILE_SYSTEMS = [
  ['proc', '/proc'],
  ['sysfs', '/sys'],
  ['devtmpfs', '/dev'],
] as const;

/** A booted kernel with /proc, /sys and /dev mounted and /mnt and /tmp there. */
export async function boot(module: WebAssembly.Module, options: KernelOptions & { readonly commandLine?: string }): Promise<Kernel> {
  const { host, clock = 'virtual', memoryMib = 64, commandLine = '' } = options;
  const engine = new Engine(module, newMemory(mib(BOOT_MEMORY_MIB)), {
    host,
    clock,
    memoryLimit: mib(memoryMib),
    commandLine: `${COMMAND_LINE} ${commandLine}`.trim(),
    restored: false,
  });
  const booted = engine.task(1);
  engine.run();
  const init = await adopt(await booted);
  for (const [type, target] of FILE_SYSTEMS) {
    await mkdirat(init, AT_FDCWD, target, 0o755);
    must('mount', await mount(init, type, target, type), target);
  }
  must('mkdirat', await mkdirat(init, AT_FDCWD, '/mnt', 0o755));
  must('mkdirat', await mkdirat(init, AT_FDCWD, '/tmp', 0o1777));
  return new Kernel(engine, init, host);
}
