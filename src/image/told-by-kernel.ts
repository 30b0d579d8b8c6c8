/** Label and UUID of a mounted file system as the kernel tells them (include/uapi/linux/fs.h). */

import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../abi/uapi/fs.ts';
import { toHex } from '../bytes/hex.ts';
import { close, openat } from '../kernel/syscalls/file.ts';
import { Scratch } from '../kernel/syscalls/scratch.ts';
import type { UserTask } from '../kernel/user-task.ts';

/** _IOR(0x94, 49, char[FSLABEL_MAX]) and _IOR(0x15, 0, struct fsuuid2), whose first byte is the length. */
const FS_IOC_GETFSLABEL = 0x8100_9431;
const FSLABEL_MAX = 256;
const FS_IOC_GETFSUUID = 0x8011_1500;
const FSUUID2_BYTES = 17;

export interface Told {
  readonly label: string | undefined;
  readonly uuid: string | undefined;
}

/** Not every file system does: of those that do not, nothing. */
export async function toldBy(task: UserTask, mountPoint: string): Promise<Told> {
  const fd = await openat(task, AT_FDCWD, mountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return { label: undefined, uuid: undefined };
  try {
    const [label] = new TextDecoder().decode(await answer(task, fd, FS_IOC_GETFSLABEL, FSLABEL_MAX)).split('\0');
    return { label: label || undefined, uuid: uuidText(await answer(task, fd, FS_IOC_GETFSUUID, FSUUID2_BYTES)) };
  } finally {
    await close(task, fd);
  }
}

/** Empty where the file system refuses. */
async function answer(task: UserTask, fd: number, request: number, bytes: number): Promise<Uint8Array> {
  const at = new Scratch(task, 'ioctl').room(bytes);
  task.memory.view(at, bytes).fill(0); // btrfs copies an empty label without its NUL
  const ret = await task.syscall('ioctl', fd, request, at);
  return ret < 0 ? new Uint8Array(0) : task.memory.copy(at, bytes);
}

/** 16 bytes as RFC 9562 has them; 4 are the number of a FAT, as DOS shows it. */
function uuidText(answer: Uint8Array): string | undefined {
  const bytes = answer.slice(1, 1 + (answer[0] ?? 0));
  if (bytes.every((byte) => byte === 0)) return undefined;
  if (bytes.length === 16) return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  if (bytes.length === 4) return toHex(bytes.reverse()).toUpperCase().replace(/^.{4}/, '$&-');
  return undefined;
}
