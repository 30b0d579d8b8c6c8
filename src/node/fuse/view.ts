/** A mount as its operations see it: its files, and how they are shown. */

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  encodeDevice,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  STATX_BASIC_STATS,
} from '../../abi/uapi/fs.ts';
import type { Ptr } from '../../kernel/memory.ts';
import { copyU32, copyU64, fields, getU64, setU64, statxAt } from './layouts.ts';
import type { Nodes } from './nodes.ts';
import type { RequestTask } from './request.ts';

export interface View {
  readonly nodes: Nodes;
  /** Everything appears to be this user's and group's, and belongs to root in the image. */
  readonly owner: { readonly uid: number | undefined; readonly gid: number | undefined };
  /** Open directories, by descriptor. */
  readonly directories: Map<number, DirectoryState>;
  /** Major and minor of the device that the root is on; others (subvolumes) get a number each. */
  readonly devices: Map<string, number>;
  /** Its file system may have files whose content Linux does not show: each is looked at before it is opened. */
  readonly hidesContent: boolean;
}

/** Where the reading of a directory is. */
export interface DirectoryState {
  /** The offset after the entries that were read last. */
  at: number;
}

/** Nobody else changes the image: what Linux was told stays true until it changes it itself. In seconds, about a month. */
export const VALID_S = 3_000_000;

/** The answer to a lookup says so too where there is nothing. */
const entryOut = fields('fuse_entry_out');
const attrOut = fields('fuse_attr_out');
const attr = fields('fuse_attr');
const at = (name: string): number => statxAt[name] ?? 0;
const sx = {
  blksize: at('blksize'),
  nlink: at('nlink'),
  uid: at('uid'),
  gid: at('gid'),
  mode: at('mode'),
  ino: at('ino'),
  size: at('size'),
  blocks: at('blocks'),
  atime: at('atime'),
  ctime: at('ctime'),
  mtime: at('mtime'),
  rdevMajor: at('rdev_major'),
  rdevMinor: at('rdev_minor'),
  devMajor: at('dev_major'),
  devMinor: at('dev_minor'),
};
const NS_AT = 8;

/** statx(2) of the file behind `fd` into the task's struct; answers what Linux does. */
export const stat = (request: RequestTask, fd: number, mask = STATX_BASIC_STATS): Promise<number> =>
  request.call('statx', fd, emptyPath(request), AT_EMPTY_PATH, mask, request.struct);

/** "" for calls that take a descriptor alone. */
export function emptyPath(request: RequestTask): Ptr {
  const path = (request.struct + EMPTY_AT) as Ptr;
  request.view(path, 1)[0] = 0;
  return path;
}
const EMPTY_AT = 1024;

export function modeOf(request: RequestTask): number {
  return request.data.getUint16(request.struct + sx.mode, true);
}

export function sizeOf(request: RequestTask): number {
  return getU64(request.data, request.struct + sx.size);
}

export function groupOf(request: RequestTask): number {
  return request.data.getUint32(request.struct + sx.gid, true);
}

/** What names the file that was stated last, among all of the image. */
export function keyOf(request: RequestTask): string {
  const { data, struct } = request;
  const ino = data.getBigUint64(struct + sx.ino, true);
  return `${data.getUint32(struct + sx.devMajor, true)}:${data.getUint32(struct + sx.devMinor, true)}:${ino}`;
}

/** Inode numbers of subvolumes are the same as those of others: Linux sees one device, so they are told apart by high bits. */
function shownInode({ data, struct }: RequestTask, { devices }: View): bigint {
  const ino = data.getBigUint64(struct + sx.ino, true);
  const device = `${data.getUint32(struct + sx.devMajor, true)}:${data.getUint32(struct + sx.devMinor, true)}`;
  const known = devices.get(device);
  const number = known ?? devices.size;
  if (known === undefined) devices.set(device, number);
  return number === 0 ? ino : BigInt.asUintN(64, ino ^ (BigInt(number) << 48n));
}

/** The struct statx of the task as a struct fuse_attr at `to`. */
function writeAttr(request: RequestTask, view: View, to: number): void {
  const { data, struct } = request;
  data.setBigUint64(to + attr.ino, shownInode(request, view), true);
  copyU64(data, struct + sx.size, to + attr.size);
  copyU64(data, struct + sx.blocks, to + attr.blocks);
  copyU64(data, struct + sx.atime, to + attr.atime);
  copyU64(data, struct + sx.mtime, to + attr.mtime);
  copyU64(data, struct + sx.ctime, to + attr.ctime);
  copyU32(data, struct + sx.atime + NS_AT, to + attr.atimensec);
  copyU32(data, struct + sx.mtime + NS_AT, to + attr.mtimensec);
  copyU32(data, struct + sx.ctime + NS_AT, to + attr.ctimensec);
  data.setUint32(to + attr.mode, data.getUint16(struct + sx.mode, true), true);
  copyU32(data, struct + sx.nlink, to + attr.nlink);
  data.setUint32(to + attr.uid, view.owner.uid ?? data.getUint32(struct + sx.uid, true), true);
  data.setUint32(to + attr.gid, view.owner.gid ?? data.getUint32(struct + sx.gid, true), true);
  const [major, minor] = [data.getUint32(struct + sx.rdevMajor, true), data.getUint32(struct + sx.rdevMinor, true)];
  data.setUint32(to + attr.rdev, encodeDevice(major, minor), true);
  copyU32(data, struct + sx.blksize, to + attr.blksize);
  data.setUint32(to + attr.flags, 0, true);
}

/** A reply of attributes: its bytes. */
export function attrReply(request: RequestTask, view: View): number {
  const { out, data } = request;
  setU64(data, out + attrOut.attr_valid, VALID_S);
  data.setUint32(out + attrOut.attr_valid_nsec, 0, true);
  writeAttr(request, view, out + attrOut.attr);
  return attrOut.bytes;
}

/** The file that was stated last, at `to`, as node `id`. */
export function writeEntry(request: RequestTask, view: View, id: number, to: number): void {
  const { data } = request;
  setU64(data, to + entryOut.nodeid, id);
  setU64(data, to + entryOut.generation, 0);
  setU64(data, to + entryOut.entry_valid, VALID_S);
  setU64(data, to + entryOut.attr_valid, VALID_S);
  data.setUint32(to + entryOut.entry_valid_nsec, 0, true);
  data.setUint32(to + entryOut.attr_valid_nsec, 0, true);
  writeAttr(request, view, to + entryOut.attr);
}

export const ENTRY_BYTES = entryOut.bytes;

/** That there is no such name. */
export function noEntry(request: RequestTask): number {
  const { out, data } = request;
  request.view(out, entryOut.bytes).fill(0);
  setU64(data, out + entryOut.entry_valid, VALID_S);
  return entryOut.bytes;
}

const PATH_FLAGS = O_PATH | O_NOFOLLOW | O_CLOEXEC;

/**
 * The file `name` (a C string) of the directory behind `dirfd`, which is the node `parent`, told to Linux once more: its entry at `to`. Answers its size, or a
 * negative errno.
 */
export async function look(
  request: RequestTask,
  view: View,
  dirfd: number,
  name: Ptr,
  to: number,
  parent = request.node,
): Promise<number> {
  const bytes = nameAt(request, name);
  const fd = await pathAt(request, dirfd, name);
  return fd < 0 ? fd : foundAs(request, view, fd, to, parent, bytes);
}

/** A C string of the request, to be kept. */
export function nameAt(request: RequestTask, name: Ptr): Uint8Array {
  const bytes = request.task.memory.bytes;
  return bytes.slice(name, bytes.indexOf(0, name));
}

/** The same of a descriptor of it that is open with O_PATH, and from now on the node's. */
export async function foundAs(
  request: RequestTask,
  view: View,
  fd: number,
  to: number,
  parent: number,
  name: Uint8Array,
  { isNew = false }: { readonly isNew?: boolean } = {},
): Promise<number> {
  const stated = await stat(request, fd);
  if (stated < 0) {
    await request.call('close', fd);
    return stated;
  }
  const node = view.nodes.found(keyOf(request), fd, parent, name);
  if (isNew) node.isPlain = true;
  // Nothing is awaited between what was stated and what is told of it: nobody changes it meanwhile.
  writeEntry(request, view, node.id, to);
  if (node.fd !== fd) await request.call('close', fd);
  return ENTRY_BYTES;
}

/** O_PATH of a name in a directory. */
export const pathAt = (request: RequestTask, dirfd: number, name: Ptr): Promise<number> =>
  request.call('openat', dirfd, name, PATH_FLAGS, 0);

/** O_PATH of a file that is open otherwise. */
export const pathOf = (request: RequestTask, fd: number): Promise<number> =>
  request.call('openat', AT_FDCWD, request.path(fd), O_PATH | O_CLOEXEC, 0);
