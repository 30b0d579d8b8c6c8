/** Boots a kernel from its first instruction: seconds of work that `npm run snapshot` does once, and tests compare with. */

import { AT_FDCWD, S_IFCHR } from '../abi/uapi/fs.ts';
import { Engine } from './engine.ts';
import { adopt, DEFAULT_MEMORY_MIB, Kernel, type KernelOptions, mib } from './kernel.ts';
import { must } from './kernel-error.ts';
import { Machine } from './machine.ts';
import { mkdirat, mknodat } from './syscalls/dir.ts';
import { mount } from './syscalls/mount.ts';
import { setSysctl } from './syscalls/sysctl.ts';

/** What the kernel starts with. Hash tables are sized by it, so small is lean. */
const BOOT_MEMORY_MIB = 8;

/**
 * Quiet until asked, no waiting, pid 1 is /init, a panic is final. The loopback is the only network device, in every
 * network namespace: drivers make others when they are asked, as where they are modules.
 * f2fs would keep 2 MiB for compressed clusters, whoever mounts one. Caches of objects that are alike are one, as is usual:
 * each has 18 files in /sys/kernel/slab, which were a seventh of the memory in a snapshot.
 */
const COMMAND_LINE = [
  'slab_merge rdinit=/init panic=-1 loglevel=7 dhash_entries=8192 ihash_entries=8192 f2fs.num_compress_pages=16',
  'dummy.numdummies=0 ifb.numifbs=0 sch_teql.max_equalizers=0 bonding.max_bonds=0 fb_tunnels=none',
].join(' ');

const FILE_SYSTEMS = [
  ['proc', '/proc'],
  ['sysfs', '/sys'],
] as const;

/** Character devices as Documentation/admin-guide/devices.txt numbers them. devtmpfs would make them, but its thread cannot be restored. */
const DEVICES = [
  ['null', 0o666, 1, 3],
  ['zero', 0o666, 1, 5],
  ['full', 0o666, 1, 7],
  ['random', 0o666, 1, 8],
  ['urandom', 0o666, 1, 9],
  ['kmsg', 0o644, 1, 11],
  ['hwrng', 0o600, 10, 183],
  ['loop-control', 0o660, 10, 237],
  ['net/tun', 0o666, 10, 200],
  ['mapper/control', 0o600, 10, 236],
] as const;

const DIRECTORIES = [
  ['/proc', 0o555],
  ['/sys', 0o555],
  ['/dev', 0o755],
  ['/dev/net', 0o755],
  ['/dev/mapper', 0o755],
  ['/mnt', 0o755],
  ['/tmp', 0o1777],
] as const;

/** Linux counts the tasks that fit its memory, which is small at first: fewer than a batch may have. */
const THREADS_MAX = '512';

/** A booted kernel with /proc and /sys mounted, /dev filled, and /mnt and /tmp there. */
export async function boot(
  module: WebAssembly.Module,
  options: KernelOptions & { readonly commandLine?: string },
): Promise<Kernel> {
  const { host, clock = 'virtual', memoryMib = DEFAULT_MEMORY_MIB, programMib, commandLine = '' } = options;
  const engine = new Engine(new Machine(module, mib(BOOT_MEMORY_MIB), mib(memoryMib)), {
    host,
    clock,
    // What asks for more than there is at boot only wants a reserve (btrfs), and does without.
    memoryLimit: mib(BOOT_MEMORY_MIB),
    commandLine: `${COMMAND_LINE} ${commandLine}`.trim(),
    restored: false,
  });
  if (programMib !== undefined) engine.programs.memoryLimit = mib(programMib);
  const booted = engine.task(1);
  engine.run();
  const init = await adopt(await booted);
  // The file mode creation mask would take bits from what follows.
  must('umask', await init.syscall('umask', 0));
  // The stock kernel makes /dev itself.
  for (const [path, mode] of DIRECTORIES) await mkdirat(init, AT_FDCWD, path, mode);
  for (const [type, target] of FILE_SYSTEMS) must('mount', await mount(init, type, target, type, 0), target);
  for (const [name, mode, major, minor] of DEVICES) {
    must('mknodat', await mknodat(init, AT_FDCWD, `/dev/${name}`, S_IFCHR | mode, { major, minor }), name);
  }
  must('umask', await init.syscall('umask', 0o22));
  await setSysctl(init, 'kernel.threads-max', THREADS_MAX);
  engine.memoryLimit = mib(memoryMib);
  return new Kernel(engine, init);
}
