/** stat(2), statfs(2) and their kin: our kernel's structs as this machine has them. */

import type { Ptr } from '../../../../kernel/memory.ts';
import type { Call } from '../../program/call.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { onFile } from '../on-file.ts';
import { onPath, type Place } from './places.ts';

const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const isArm = process.arch === 'arm64';

/** The new encoding of a device's number (linux/kdev_t.h). */
const device = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

/** struct stat of this machine, of a struct statx. */
function statOf(task: KernelTask, at: Ptr): Uint8Array {
  const { data } = task.memory;
  const u32 = (offset: number) => data.getUint32(at + offset, true);
  const u64 = (offset: number) => data.getBigUint64(at + offset, true);
  const out = new DataView(new ArrayBuffer(isArm ? 128 : 144));
  const [nlink, uid, gid, mode] = [u32(16), u32(20), u32(24), data.getUint16(at + 28, true)];
  out.setBigUint64(0, BigInt(device(u32(136), u32(140))), true);
  out.setBigUint64(8, u64(32), true);
  if (isArm) for (const [i, value] of [mode, nlink, uid, gid].entries()) out.setUint32(16 + 4 * i, value, true);
  else {
    out.setBigUint64(16, BigInt(nlink), true);
    for (const [i, value] of [mode, uid, gid].entries()) out.setUint32(24 + 4 * i, value, true);
  }
  out.setBigUint64(isArm ? 32 : 40, BigInt(device(u32(128), u32(132))), true);
  out.setBigUint64(48, u64(40), true);
  out.setBigUint64(56, BigInt(u32(4)), true);
  out.setBigUint64(64, u64(48), true);
  // Access, modification and change; creation lies in between.
  for (const [i, time] of [64, 112, 96].entries()) {
    out.setBigUint64(72 + 16 * i, u64(time), true);
    out.setBigUint64(80 + 16 * i, BigInt(u32(time + 8)), true);
  }
  return new Uint8Array(out.buffer);
}

/** As stat(2) answers it, into the program's memory at `to`. */
async function stat(
  call: Call,
  task: KernelTask,
  dirfd: number,
  path: Ptr,
  flags: number,
  to: number,
): Promise<number> {
  const ret = await task.call('statx', dirfd, path, flags, STATX_BASIC_STATS, task.structs);
  if (ret === 0) call.memory.write(to, statOf(task, task.structs));
  return ret;
}

const statAt = (call: Call, task: KernelTask, { dirfd, path }: Place, flags: number, to: number): Promise<number> =>
  stat(call, task, dirfd, task.path(path), flags, to);

/** struct statfs of this machine; our kernel's has 32 bits where this has longs. */
function giveStatfs(call: Call, task: KernelTask, to: number): void {
  const { data } = task.memory;
  const at = task.structs;
  const out = new DataView(new ArrayBuffer(120));
  const wide = (offset: number, from: number) => out.setBigUint64(offset, data.getBigUint64(at + from, true), true);
  const narrow = (offset: number, from: number) =>
    out.setBigUint64(offset, BigInt(data.getUint32(at + from, true)), true);
  narrow(0, 0);
  narrow(8, 4);
  for (let i = 0; i < 6; i++) wide(16 + 8 * i, 8 + 8 * i);
  for (let i = 0; i < 3; i++) narrow(64 + 8 * i, 56 + 4 * i);
  call.memory.write(to, new Uint8Array(out.buffer));
}
const STATFS_BYTES = 88;

export const statCalls = {
  fstat: onFile((call, task, file) =>
    stat(call, task, file.fd, task.path(new Uint8Array(0)), AT_EMPTY_PATH, call.size(1)),
  ),
  stat: onPath({ path: 0 }, (call, task, place) => statAt(call, task, place, 0, call.size(1))),
  lstat: onPath({ path: 0 }, (call, task, place) => statAt(call, task, place, AT_SYMLINK_NOFOLLOW, call.size(1))),
  newfstatat: onPath({ directory: 0, path: 1, mayBeEmpty: true }, (call, task, place) =>
    statAt(call, task, place, call.int(3), call.size(2)),
  ),
  statx: onPath({ directory: 0, path: 1, mayBeEmpty: true }, async (call, task, { dirfd, path }) => {
    const ret = await task.call('statx', dirfd, task.path(path), call.int(2), call.uint(3), task.structs);
    if (ret === 0) call.memory.write(call.size(4), task.memory.copy(task.structs, STATX_BYTES));
    return ret;
  }),
  statfs: onPath({ path: 0 }, async (call, task, { path }) => {
    const ret = await task.call('statfs64', task.path(path), STATFS_BYTES, task.structs);
    if (ret === 0) giveStatfs(call, task, call.size(1));
    return ret;
  }),
  fstatfs: onFile(async (call, task, file) => {
    const ret = await task.call('fstatfs64', file.fd, STATFS_BYTES, task.structs);
    if (ret === 0) giveStatfs(call, task, call.size(1));
    return ret;
  }),
} as const;
