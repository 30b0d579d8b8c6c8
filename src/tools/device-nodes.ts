/** Keeps /dev as udev(7) does: a task that hears of block devices which come and go (partitions, device mapper) and makes their nodes. */

import { AT_FDCWD, S_IFBLK } from '../abi/uapi/fs.ts';
import { TaskExited } from '../kernel/errors.ts';
import type { HostedTask } from '../kernel/hosted-task.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { must } from '../kernel/kernel-error.ts';
import { plus } from '../kernel/memory.ts';
import { mknodat, unlinkat } from '../kernel/syscalls/dir.ts';
import { read } from '../kernel/syscalls/file.ts';

/** linux/netlink.h, linux/socket.h. */
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_KOBJECT_UEVENT = 15;
const KERNEL_GROUP = 1;
const SOCKADDR_NL_BYTES = 12;

/** From now on, for as long as the kernel lives. */
export async function keepDeviceNodes(kernel: Kernel): Promise<void> {
  const task = await kernel.spawn(kernel.init);
  const fd = must(
    'socket',
    await task.syscall('socket', AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT),
  );
  const { memory, scratch } = task;
  memory.setU32(scratch, AF_NETLINK);
  memory.setU32(plus(scratch, 4), 0);
  memory.setU32(plus(scratch, 8), KERNEL_GROUP);
  must('bind', await task.syscall('bind', fd, scratch, SOCKADDR_NL_BYTES));
  void listen(task, fd).catch(() => {}); // a kernel that ends ends it, and tells everyone itself
}

async function listen(task: HostedTask, fd: number): Promise<void> {
  const buffer = { at: task.scratch, bytes: task.scratchBytes };
  try {
    for (;;) {
      const got = await read(task, fd, buffer);
      // ENOBUFS: more came at once than there was room for. What is missing is missing, as for udev.
      if (got > 0) await follow(task, new TextDecoder().decode(task.memory.copy(buffer.at, got)));
    }
  } catch (cause) {
    if (!(cause instanceof TaskExited)) throw cause;
  }
}

/** A message is a line that sums it up, and then `NAME=value` each, ended by NUL. */
async function follow(task: HostedTask, message: string): Promise<void> {
  const facts = new Map(message.split('\0').map((line) => line.split('=', 2) as [string, string]));
  const name = facts.get('DEVNAME');
  if (name === undefined || facts.get('SUBSYSTEM') !== 'block' || name.includes('/')) return;
  if (facts.get('ACTION') === 'remove') await unlinkat(task, AT_FDCWD, `/dev/${name}`);
  if (facts.get('ACTION') !== 'add') return;
  const [major, minor] = [Number(facts.get('MAJOR')), Number(facts.get('MINOR'))];
  await mknodat(task, AT_FDCWD, `/dev/${name}`, S_IFBLK | 0o600, { major, minor });
}
