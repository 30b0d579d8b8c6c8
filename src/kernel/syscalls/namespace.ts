/** System calls on namespaces: namespaces(7), pidfd_open(2). */

import { SIOCGSKNS } from '../../abi/uapi/socket.ts';
import { must } from '../kernel-error.ts';
import type { UserTask } from '../user-task.ts';

/** Leave the shared namespaces for fresh ones; `flags` are CLONE_NEW* words. */
export const unshare = (task: UserTask, flags: number): Promise<number> => task.syscall('unshare', flags);

/** Enter the namespaces of a namespace file or, with several flags, of a process's pidfd. */
export const setns = (task: UserTask, fd: number, flags: number): Promise<number> => task.syscall('setns', fd, flags);

/** An open file of the network namespace that a socket belongs to. */
export const socketNetns = (task: UserTask, socket: number): Promise<number> =>
  task.syscall('ioctl', socket, SIOCGSKNS, 0);

/** A copy of another task's descriptor. */
export async function stealFd(task: UserTask, owner: UserTask, fd: number): Promise<number> {
  const pidfd = must('pidfd_open', await task.syscall('pidfd_open', owner.pid, 0));
  const copy = await task.syscall('pidfd_getfd', pidfd, fd, 0);
  await task.syscall('close', pidfd);
  return must('pidfd_getfd', copy);
}

/** Move a task into namespaces of another one; `flags` are CLONE_NEW* words. */
export async function joinNamespaces(task: UserTask, other: UserTask, flags: number): Promise<void> {
  const pidfd = must('pidfd_open', await task.syscall('pidfd_open', other.pid, 0));
  must('setns', await setns(task, pidfd, flags));
  await task.syscall('close', pidfd);
}
