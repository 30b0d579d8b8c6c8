/** FUSE's operations on what a file is: its attributes and its extended ones. */

import { errnos } from '../../../abi/errno.ts';
import { AT_EMPTY_PATH, UTIME_NOW, UTIME_OMIT, XATTR_SIZE_MAX } from '../../../abi/uapi/fs.ts';
import { fuse } from '../../../abi/uapi/fuse.ts';
import { type Ptr, plus } from '../../../kernel/memory.ts';
import { copyU32, copyU64, fields, getU64, setU64 } from '../layouts.ts';
import type { RequestTask } from '../request.ts';
import { attrReply, emptyPath, groupOf, modeOf, stat, VALID_S, type View } from '../view.ts';

const getattrIn = fields('fuse_getattr_in');
const setattrIn = fields('fuse_setattr_in');
const statxIn = fields('fuse_statx_in');
const statxOut = fields('fuse_statx_out');
const statx = fields('fuse_statx');
const kstatfs = fields('fuse_kstatfs');
const setxattrIn = fields('fuse_setxattr_in');
const getxattrIn = fields('fuse_getxattr_in');
const getxattrOut = fields('fuse_getxattr_out');

const EPERM = -errnos.EPERM.number;
const ENODATA = -errnos.ENODATA.number;
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;

/** Of the open file where there is one: it may have no name any more. */
export async function getattr(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const isOpen = data.getUint32(at + getattrIn.getattr_flags, true) & fuse.GETATTR_FH;
  const fd = isOpen ? getU64(data, at + getattrIn.fh) : view.nodes.fd(request.node);
  const stated = await stat(request, fd);
  return stated < 0 ? stated : attrReply(request, view);
}

/** With the time of birth, and what else struct statx has of both. */
export async function statxOf(request: RequestTask, view: View): Promise<number> {
  const fd = view.nodes.fd(request.node);
  const mask = request.data.getUint32(request.in + statxIn.sx_mask, true);
  const stated = await stat(request, fd, mask);
  if (stated < 0) return stated;
  const { data, out, struct } = request;
  request.view(out, statxOut.bytes).fill(0);
  setU64(data, out + statxOut.attr_valid, VALID_S);
  // The fields that FUSE's struct has lie as in the kernel's own.
  request.view(out + statxOut.stat, statx.rdev_minor + 4).set(request.view(struct, statx.rdev_minor + 4));
  if (view.owner.uid !== undefined) data.setUint32(out + statxOut.stat + statx.uid, view.owner.uid, true);
  if (view.owner.gid !== undefined) data.setUint32(out + statxOut.stat + statx.gid, view.owner.gid, true);
  return statxOut.bytes;
}

/** Size, owner, mode, times, in this order: each may change those after it. */
export async function setattr(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const valid = data.getUint32(at + setattrIn.valid, true);
  const path = view.nodes.fd(request.node);
  const open = valid & fuse.FATTR_FH ? getU64(data, at + setattrIn.fh) : undefined;
  // All at once: memory may grow in each call, and its view end.
  const size = getU64(data, at + setattrIn.size);
  const uid = valid & fuse.FATTR_UID ? data.getUint32(at + setattrIn.uid, true) : KEEP;
  const gid = valid & fuse.FATTR_GID ? data.getUint32(at + setattrIn.gid, true) : KEEP;
  const mode = data.getUint32(at + setattrIn.mode, true) & 0o7777;
  if (valid & fuse.FATTR_SIZE) {
    const ret =
      open === undefined
        ? await request.call('truncate64', request.path(path), size)
        : await request.call('ftruncate64', open, size);
    if (ret < 0) return ret;
    if (valid & fuse.FATTR_KILL_SUIDGID) await killPrivileges(request, path);
  }
  if (valid & (fuse.FATTR_UID | fuse.FATTR_GID)) {
    const ret = await chown(request, view, path, uid, gid);
    if (ret < 0) return ret;
  }
  if (valid & fuse.FATTR_MODE) {
    const ret = await request.call('fchmodat2', path, emptyPath(request), mode, AT_EMPTY_PATH);
    if (ret < 0) return ret;
  }
  if (valid & (fuse.FATTR_ATIME | fuse.FATTR_MTIME)) {
    const node = view.nodes.get(request.node);
    const ret = await setTimes(request, path, valid);
    // Nobody may set times of a file that can only be appended to; those of what was appended are set already.
    const isOfWrite = node.written && !(valid & fuse.FATTR_ATIME);
    if (ret < 0 && !(ret === EPERM && isOfWrite)) return ret;
    node.written = false;
  }
  const stated = await stat(request, path);
  return stated < 0 ? stated : attrReply(request, view);
}
const KEEP = 0xffff_ffff;

/** Where all is shown as one user's, it stays so. */
function chown(request: RequestTask, { owner }: View, fd: number, uid: number, gid: number): Promise<number> | number {
  const shown = (wanted: number, one: number | undefined) => one === undefined || wanted === KEEP || wanted === one;
  if (!shown(uid, owner.uid) || !shown(gid, owner.gid)) return EPERM;
  const [toUid, toGid] = [owner.uid === undefined ? uid : KEEP, owner.gid === undefined ? gid : KEEP];
  return request.call('fchownat', fd, emptyPath(request), toUid, toGid, AT_EMPTY_PATH);
}

function setTimes(request: RequestTask, fd: number, valid: number): Promise<number> {
  const { data, in: at, struct } = request;
  const put = (to: number, set: number, now: number, sec: number, nsec: number): void => {
    if (valid & set && !(valid & now)) {
      copyU64(data, at + sec, to);
      copyU32(data, at + nsec, to + 8);
    } else {
      setU64(data, to, 0);
      data.setUint32(to + 8, valid & set ? UTIME_NOW : UTIME_OMIT, true);
    }
    data.setUint32(to + 12, 0, true);
  };
  put(struct, fuse.FATTR_ATIME, fuse.FATTR_ATIME_NOW, setattrIn.atime, setattrIn.atimensec);
  put(struct + 16, fuse.FATTR_MTIME, fuse.FATTR_MTIME_NOW, setattrIn.mtime, setattrIn.mtimensec);
  return request.call('utimensat_time64', fd, emptyPath(request), struct, AT_EMPTY_PATH);
}

/**
 * Whoever writes a file that others run as its owner ends that: our tasks may keep it, so Linux asks for it. A set-gid bit without
 * execution stays for those of the group (setattr_should_drop_sgid()), as far as one group of the caller's is known.
 */
export async function killPrivileges(request: RequestTask, fd: number): Promise<void> {
  const { gid } = request.caller;
  if ((await stat(request, fd)) < 0) return;
  const mode = modeOf(request);
  const keepsGroup = !(mode & S_IXGRP) && groupOf(request) === gid;
  const kept = mode & ~S_ISUID & (keepsGroup ? ~0 : ~S_ISGID) & 0o7777;
  if (kept !== (mode & 0o7777)) await request.call('fchmodat2', fd, emptyPath(request), kept, AT_EMPTY_PATH);
}

/** struct statfs64 of a 32-bit kernel: type, bsize, then 64-bit counts; namelen and frsize follow fsid. */
const STATFS = { bytes: 88, bsize: 4, blocks: 8, bfree: 16, bavail: 24, files: 32, ffree: 40, namelen: 56, frsize: 60 };

export async function statfs(request: RequestTask, view: View): Promise<number> {
  const ret = await request.call('fstatfs64', view.nodes.fd(request.node), STATFS.bytes, request.struct);
  if (ret < 0) return ret;
  const { data, out, struct } = request;
  request.view(out, kstatfs.bytes).fill(0);
  for (const name of ['blocks', 'bfree', 'bavail', 'files', 'ffree'] as const) {
    copyU64(data, struct + STATFS[name], out + kstatfs[name]);
  }
  for (const name of ['bsize', 'namelen', 'frsize'] as const) copyU32(data, struct + STATFS[name], out + kstatfs[name]);
  return kstatfs.bytes;
}

export async function setxattr(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const [size, flags] = [data.getUint32(at + setxattrIn.size, true), data.getUint32(at + setxattrIn.flags, true)];
  const killsGroup = data.getUint32(at + setxattrIn.setxattr_flags, true) & fuse.SETXATTR_ACL_KILL_SGID;
  const node = view.nodes.get(request.node);
  node.isPlain = false;
  const { fd } = node;
  const name = plus(at, setxattrIn.bytes);
  const ret = await request.call('setxattr', request.path(fd), name, request.after(name), size, flags);
  if (ret < 0 || !killsGroup || (await stat(request, fd)) < 0) return ret;
  return request.call('fchmodat2', fd, emptyPath(request), modeOf(request) & 0o5777, AT_EMPTY_PATH);
}

export const removexattr = (request: RequestTask, view: View): Promise<number> =>
  request.call('removexattr', request.path(view.nodes.fd(request.node)), request.in);

export function getxattr(request: RequestTask, view: View): Promise<number> | number {
  const name = plus(request.in, getxattrIn.bytes);
  const { fd, isPlain } = view.nodes.get(request.node);
  if (isPlain && isCapabilities(request.view(name, CAPABILITIES.length))) return ENODATA;
  return sized(request, (to, bytes) => request.call('getxattr', request.path(fd), name, to, bytes));
}

/** Linux asks for them before the first write to each file. */
const CAPABILITIES = new TextEncoder().encode('security.capability\0');
const isCapabilities = (name: Uint8Array): boolean => name.every((byte, index) => byte === CAPABILITIES[index]);

export const listxattr = (request: RequestTask, view: View): Promise<number> =>
  sized(request, (to, bytes) => request.call('listxattr', request.path(view.nodes.fd(request.node)), to, bytes));

/** The kernel takes as much memory as it is told that there is room for: the first try is small. */
const FIRST_TRY_BYTES = 1024;

/** An answer of a size that Linux gives, or only asks for. */
async function sized(request: RequestTask, get: (to: Ptr, bytes: number) => Promise<number>): Promise<number> {
  const wanted = Math.min(request.data.getUint32(request.in + getxattrIn.size, true), XATTR_SIZE_MAX);
  const { at } = request.aside;
  const first = await get(at, Math.min(wanted, FIRST_TRY_BYTES));
  const isMore = first === -errnos.ERANGE.number && wanted > FIRST_TRY_BYTES;
  const length = isMore ? await get(at, wanted) : first;
  if (length < 0) return length;
  if (wanted > 0) {
    request.view(request.out, length).set(request.view(at, length));
    return length;
  }
  request.view(request.out, getxattrOut.bytes).fill(0);
  request.data.setUint32(request.out + getxattrOut.size, length, true);
  return getxattrOut.bytes;
}
