/** FUSE's operations on open files: opening, reading, writing, syncing, and what Linux does to their blocks. */

import { errnos } from '../../../abi/errno.ts';
import { AT_FDCWD, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY } from '../../../abi/uapi/fs.ts';
import { fuse } from '../../../abi/uapi/fuse.ts';
import { type Ptr, plus } from '../../../kernel/memory.ts';
import { readErrorOf, unreadable } from '../../../tree/unreadable.ts';
import { fields, getU64, setU64 } from '../layouts.ts';
import { MAX_DATA_BYTES, type RequestTask } from '../request.ts';
import { ENTRY_BYTES, foundAs, nameAt, pathAt, pathOf, sizeOf, stat, type View } from '../view.ts';
import { killPrivileges } from './attributes.ts';
import { asCaller } from './names.ts';

const openIn = fields('fuse_open_in');
const openOut = fields('fuse_open_out');
const createIn = fields('fuse_create_in');
const releaseIn = fields('fuse_release_in');
const fsyncIn = fields('fuse_fsync_in');
const readIn = fields('fuse_read_in');
const writeIn = fields('fuse_write_in');
const writeOut = fields('fuse_write_out');
const fallocateIn = fields('fuse_fallocate_in');
const lseekIn = fields('fuse_lseek_in');
const lseekOut = fields('fuse_lseek_out');
const copyIn = fields('fuse_copy_file_range_in');

const O_ACCMODE = 3;
const O_SYNC = 0o4010000;
const O_LARGEFILE = 0o100000;
const O_CLOEXEC = 0o2000000;
const O_TMPFILE = 0o20200000;

/**
 * The flags to open with. Linux keeps pages of what is written and fills the rest of a page by reading, also of files that are only
 * written; where a write goes is for it to say, so nothing is appended here. Numbers that differ between machines are left out.
 */
function flagsOf(flags: number): number {
  const kept = flags & (O_TRUNC | O_SYNC);
  const mode = (flags & O_ACCMODE) === O_WRONLY ? O_RDWR : flags & O_ACCMODE;
  return mode | kept | O_LARGEFILE | O_CLOEXEC;
}

/** Files that can only be appended to (chattr +a) are opened for that alone. */
async function opened(flags: number, open: (flags: number) => Promise<number>): Promise<number> {
  const fd = await open(flagsOf(flags));
  return fd === -errnos.EPERM.number && flags & O_APPEND
    ? open((flagsOf(flags) & ~O_ACCMODE) | O_WRONLY | O_APPEND)
    : fd;
}

function openReply(request: RequestTask, fd: number, to: number, flags = fuse.FOPEN_KEEP_CACHE): number {
  request.view(to, openOut.bytes).fill(0);
  setU64(request.data, to + openOut.fh, fd);
  request.data.setUint32(to + openOut.open_flags, flags, true);
  return openOut.bytes;
}

export async function open(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const flags = data.getUint32(at + openIn.flags, true);
  const kills = data.getUint32(at + openIn.open_flags, true) & fuse.OPEN_KILL_SUIDGID;
  const node = view.nodes.fd(request.node);
  const fd = await opened(flags, (how) => request.call('openat', AT_FDCWD, request.path(node), how, 0));
  if (fd < 0) return fd;
  const failure = view.hidesContent && !(flags & O_TRUNC) ? await hiddenIn(request, fd) : 0;
  if (failure < 0) {
    await request.call('close', fd);
    return failure;
  }
  if (kills) await killPrivileges(request, node);
  return openReply(request, fd, request.out);
}

/** A negative errno where Linux would show what is in a file as nothing, or as zeros. */
async function hiddenIn(request: RequestTask, fd: number): Promise<number> {
  const stated = await stat(request, fd);
  if (stated < 0) return stated;
  const why = await unreadable(request.task, { fd }, sizeOf(request), request.aside);
  return -(readErrorOf(why)?.number ?? 0);
}

export async function create(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const flags = data.getUint32(at + createIn.flags, true);
  const mode = data.getUint32(at + createIn.mode, true) & 0o7777;
  await request.umask(data.getUint32(at + createIn.umask, true));
  await asCaller(request, view);
  const name = plus(at, createIn.bytes);
  const dirfd = view.nodes.fd(request.node);
  const also = O_CREAT | O_NOFOLLOW | (flags & O_EXCL);
  const bytes = nameAt(request, name);
  const fd = await opened(flags, (how) => request.call('openat', dirfd, name, how | also, mode));
  // The directory is locked by Linux meanwhile: the name leads to the same file still.
  return named(request, view, fd, bytes, () => pathAt(request, dirfd, name));
}

/** A file without a name, which gets one by `link` or none. */
export async function tmpfile(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const flags = data.getUint32(at + createIn.flags, true);
  const mode = data.getUint32(at + createIn.mode, true) & 0o7777;
  await request.umask(data.getUint32(at + createIn.umask, true));
  await asCaller(request, view);
  const dirfd = view.nodes.fd(request.node);
  const how = flagsOf(flags) | O_TMPFILE | (flags & O_EXCL);
  const fd = await request.call('openat', AT_FDCWD, request.path(dirfd), how, mode);
  return named(request, view, fd, new Uint8Array(), () => pathOf(request, fd));
}

/** The reply of a file that was made and is open as `fd`; `open` opens it with O_PATH. */
async function named(
  request: RequestTask,
  view: View,
  fd: number,
  name: Uint8Array,
  open: () => Promise<number>,
): Promise<number> {
  if (fd < 0) return fd;
  const parent = request.node;
  const path = await open();
  const entry = path < 0 ? path : await foundAs(request, view, path, request.out, parent, name, { isNew: true });
  if (entry > 0) return ENTRY_BYTES + openReply(request, fd, request.out + ENTRY_BYTES);
  await request.call('close', fd);
  return entry;
}

export const release = (request: RequestTask): Promise<number> =>
  request.call('close', getU64(request.data, request.in + releaseIn.fh));

export function fsync(request: RequestTask): Promise<number> {
  const { data, in: at } = request;
  const isData = data.getUint32(at + fsyncIn.fsync_flags, true) & fuse.FSYNC_FDATASYNC;
  return request.call(isData ? 'fdatasync' : 'fsync', getU64(data, at + fsyncIn.fh));
}

/** Straight from the file to where the reply is sent from. */
export async function read(request: RequestTask): Promise<number> {
  const { data, in: at, out } = request;
  const [fd, offset] = [getU64(data, at + readIn.fh), getU64(data, at + readIn.offset)];
  const size = Math.min(data.getUint32(at + readIn.size, true), MAX_DATA_BYTES);
  for (let done = 0; ; ) {
    const bytes = await request.call('pread64', fd, out + done, size - done, offset + done);
    if (bytes < 0) return done > 0 ? done : bytes;
    done += bytes;
    // Less than that is the end, mostly.
    if (bytes === 0 || done === size) return done;
  }
}

export async function write(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const [fd, offset] = [getU64(data, at + writeIn.fh), getU64(data, at + writeIn.offset)];
  const size = data.getUint32(at + writeIn.size, true);
  const flags = data.getUint32(at + writeIn.write_flags, true);
  const kills = flags & fuse.WRITE_KILL_SUIDGID;
  if (flags & fuse.WRITE_CACHE) view.nodes.get(request.node).written = true;
  const from = plus(at, writeIn.bytes);
  let done = 0;
  while (done < size) {
    const bytes = await request.call('pwrite64', fd, from + done, size - done, offset + done);
    if (bytes < 0 && done === 0) return bytes;
    if (bytes <= 0) break;
    done += bytes;
  }
  if (kills) await killPrivileges(request, view.nodes.fd(request.node));
  return written(request, done);
}

function written(request: RequestTask, bytes: number): number {
  setU64(request.data, request.out + writeOut.size, bytes);
  return writeOut.bytes;
}

export async function fallocate(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const [fd, mode] = [getU64(data, at + fallocateIn.fh), data.getUint32(at + fallocateIn.mode, true)];
  const [offset, length] = [getU64(data, at + fallocateIn.offset), getU64(data, at + fallocateIn.length)];
  const { uid } = request.caller;
  const ret = await request.call('fallocate', fd, mode, offset, length);
  if (ret >= 0) await asWritten(request, view.nodes.fd(request.node), uid);
  return ret;
}

/** Set-id bits end as by a write. Here Linux does not say whether the caller may keep them: root may. */
async function asWritten(request: RequestTask, fd: number, uid: number): Promise<void> {
  if (uid !== 0) await killPrivileges(request, fd);
}

export async function lseek(request: RequestTask): Promise<number> {
  const { data, in: at, struct } = request;
  const [fd, whence] = [getU64(data, at + lseekIn.fh), data.getUint32(at + lseekIn.whence, true)];
  const [low, high] = [data.getUint32(at + lseekIn.offset, true), data.getUint32(at + lseekIn.offset + 4, true)];
  const ret = await request.call('llseek', fd, high, low, struct, whence);
  if (ret < 0) return ret;
  setU64(request.data, request.out + lseekOut.offset, getU64(request.data, struct));
  return lseekOut.bytes;
}

/** As much as is copied before others have their turn. */
const COPY_BYTES = 16 * 1024 * 1024;

/** Blocks are shared where the file system can. */
export async function copyFileRange(request: RequestTask, view: View): Promise<number> {
  const { data, in: at, struct } = request;
  const [from, to] = [getU64(data, at + copyIn.fh_in), getU64(data, at + copyIn.fh_out)];
  const length = Math.min(getU64(data, at + copyIn.len), COPY_BYTES);
  const offsets = [struct, plus(struct, 8)] as const satisfies readonly Ptr[];
  setU64(data, offsets[0], getU64(data, at + copyIn.off_in));
  setU64(data, offsets[1], getU64(data, at + copyIn.off_out));
  const { uid } = request.caller;
  const node = getU64(data, at + copyIn.nodeid_out);
  const ret = await request.call('copy_file_range', from, offsets[0], to, offsets[1], length, 0);
  if (ret < 0) return ret;
  await asWritten(request, view.nodes.fd(node), uid);
  return written(request, ret);
}
