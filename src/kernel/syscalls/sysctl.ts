/** sysctl(8): kernel settings as files under /proc/sys. Those of net/ are of the caller's network namespace. */

import { AT_FDCWD, O_WRONLY } from '../../abi/uapi/fs.ts';
import { KernelError } from '../kernel-error.ts';
import { plus } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { close, openat, write } from './file.ts';

/** Dots separate names; a slash stands for a dot inside one, as in net.ipv4.conf.eth0/10.rp_filter. */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'))}`;
}

/** Whether each network namespace has its own; the others are the whole kernel's. */
export const isOfNetns = (key: string): boolean => sysctlPath(key).startsWith('/proc/sys/net/');
/** The device whose setting it is; undefined: none's, or that of all of them. */
export function deviceOf(key: string): string | undefined {
  const [, device] = /^\/proc\/sys\/net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(sysctlPath(key)) ?? [];
  return device === 'all' || device === 'default' ? undefined : device;
}

/** Why it is refused where hosts are namespaces. */
export const notOfNetns = (key: string): string =>
  key.startsWith('net/')
    ? `names of sysctls have dots here: ${JSON.stringify(key.replaceAll('/', '.'))}`
    : 'all nodes share one kernel: what is not in net is not their own';

/** Throws what Linux says against its being set to anything. */
export async function mayBeSet(task: UserTask, key: string): Promise<void> {
  await close(task, await openToSet(task, sysctlPath(key)));
}

async function openToSet(task: UserTask, path: string): Promise<number> {
  const fd = await openat(task, AT_FDCWD, path, O_WRONLY);
  if (fd < 0) throw new KernelError('openat', -fd, path);
  return fd;
}

/** Set one; throws what Linux says against it. */
export async function setSysctl(task: UserTask, key: string, value: string): Promise<void> {
  const path = sysctlPath(key);
  const fd = await openToSet(task, path);
  // openat used the start of the scratch memory and is done with it.
  const bytes = new TextEncoder().encode(`${value}\n`);
  task.memory.write(task.scratch, bytes);
  const written = await write(task, fd, { at: plus(task.scratch, 0), bytes: bytes.length }, bytes.length);
  await close(task, fd);
  if (written < 0) throw new KernelError('write', -written, `${path} = ${value}`);
}
