/** Short words for raw system calls of a task, for tests of what the architecture's C does. */

import { AT_FDCWD } from '../../../src/abi/uapi/fs.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { close, openat, read, write } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import type { UserTask } from '../../../src/kernel/user-task.ts';

/** Lay bytes out in the task's scratch memory, `offset` bytes into it; answers the address. */
export function lay(task: UserTask, bytes: Uint8Array | readonly number[], offset = 0): number {
  const at = plus(task.scratch, offset);
  task.memory.write(at, Uint8Array.from(bytes));
  return at;
}

/** Little-endian 32-bit words as bytes. */
export const words = (...values: readonly number[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(values, (value) => value >>> 0).buffer);

export async function saveText(task: UserTask, path: string, text: string, flags: number): Promise<void> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, flags, 0o644), path);
  const bytes = new TextEncoder().encode(text);
  const buffer = await mapBuffer(task, Math.max(bytes.length, 1));
  task.memory.write(buffer.at, bytes);
  must('write', await write(task, fd, buffer, bytes.length), path);
  await close(task, fd);
}

/** All bytes of a file, or the negative errno where reading it ends. */
export async function readAll(task: UserTask, path: string | Uint8Array): Promise<Uint8Array | number> {
  const fd = await openat(task, AT_FDCWD, path, 0);
  if (fd < 0) return fd;
  const buffer = await mapBuffer(task, 1 << 16);
  const chunks: number[] = [];
  try {
    for (;;) {
      const n = await read(task, fd, buffer);
      if (n < 0) return n;
      if (n === 0) return Uint8Array.from(chunks);
      chunks.push(...task.memory.view(buffer.at, n));
    }
  } finally {
    await close(task, fd);
    await task.syscall('munmap', buffer.at, buffer.bytes);
  }
}
