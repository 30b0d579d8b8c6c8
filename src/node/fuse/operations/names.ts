/** FUSE's operations on names: finding, making, linking, renaming and removing them. */

import { errnos } from '../../../abi/errno.ts';
import { AT_EMPTY_PATH, AT_REMOVEDIR } from '../../../abi/uapi/fs.ts';
import { type Ptr, plus } from '../../../kernel/memory.ts';
import { fields, getU64 } from '../layouts.ts';
import type { RequestTask } from '../request.ts';
import { ENTRY_BYTES, emptyPath, look, noEntry, stat, type View, writeEntry } from '../view.ts';

const mknodIn = fields('fuse_mknod_in');
const mkdirIn = fields('fuse_mkdir_in');
const renameIn = fields('fuse_rename_in');
const rename2In = fields('fuse_rename2_in');
const linkIn = fields('fuse_link_in');

const ENOENT = -errnos.ENOENT.number;

export async function lookup(request: RequestTask, view: View): Promise<number> {
  const found = await look(request, view, view.nodes.fd(request.node), request.in, request.out);
  return found === ENOENT ? noEntry(request) : found;
}

/** Whoever makes something owns it, where everything is not shown as one user's. */
export async function asCaller(request: RequestTask, { owner }: View): Promise<void> {
  const { uid, gid } = request.caller;
  await request.become(owner.uid === undefined ? uid : 0, owner.gid === undefined ? gid : 0);
}

/** Makes something of the name at `name` and answers as a lookup of it does. */
async function made(request: RequestTask, view: View, name: Ptr, make: (dirfd: number) => Promise<number>) {
  const dirfd = view.nodes.fd(request.node);
  await asCaller(request, view);
  const ret = await make(dirfd);
  // The reply would lie over the name while it is looked up: it goes aside first.
  if (ret < 0) return ret;
  const found = await look(request, view, dirfd, name, request.aside.at);
  if (found > 0) request.view(request.out, found).set(request.view(request.aside.at, found));
  return found;
}

export async function mknod(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const [mode, rdev] = [data.getUint32(at + mknodIn.mode, true), data.getUint32(at + mknodIn.rdev, true)];
  await request.umask(data.getUint32(at + mknodIn.umask, true));
  const name = plus(at, mknodIn.bytes);
  return made(request, view, name, (dirfd) => request.call('mknodat', dirfd, name, mode, rdev));
}

export async function mkdir(request: RequestTask, view: View): Promise<number> {
  const { data, in: at } = request;
  const mode = data.getUint32(at + mkdirIn.mode, true);
  await request.umask(data.getUint32(at + mkdirIn.umask, true));
  const name = plus(at, mkdirIn.bytes);
  return made(request, view, name, (dirfd) => request.call('mkdirat', dirfd, name, mode));
}

export async function symlink(request: RequestTask, view: View): Promise<number> {
  const name = request.in;
  const target = request.after(name);
  return made(request, view, name, (dirfd) => request.call('symlinkat', target, dirfd, name));
}

export async function readlink(request: RequestTask, view: View): Promise<number> {
  const fd = view.nodes.fd(request.node);
  return request.call('readlinkat', fd, emptyPath(request), request.out, PATH_MAX);
}
const PATH_MAX = 4096;

export const unlink = (request: RequestTask, view: View): Promise<number> =>
  request.call('unlinkat', view.nodes.fd(request.node), request.in, 0);

export const rmdir = (request: RequestTask, view: View): Promise<number> =>
  request.call('unlinkat', view.nodes.fd(request.node), request.in, AT_REMOVEDIR);

export const rename = (request: RequestTask, view: View): Promise<number> => {
  const to = view.nodes.fd(getU64(request.data, request.in + renameIn.newdir));
  return renamed(request, view, to, plus(request.in, renameIn.bytes), 0);
};

export const rename2 = (request: RequestTask, view: View): Promise<number> => {
  const { data, in: at } = request;
  const to = view.nodes.fd(getU64(data, at + rename2In.newdir));
  return renamed(request, view, to, plus(at, rename2In.bytes), data.getUint32(at + rename2In.flags, true));
};

const renamed = (request: RequestTask, view: View, to: number, name: Ptr, flags: number): Promise<number> =>
  request.call('renameat2', view.nodes.fd(request.node), name, to, request.after(name), flags);

/** Of a file by its node, also one that has no name any more or none yet (O_TMPFILE). */
export async function link(request: RequestTask, view: View): Promise<number> {
  const id = getU64(request.data, request.in + linkIn.oldnodeid);
  const fd = view.nodes.fd(id);
  const name = plus(request.in, linkIn.bytes);
  const ret = await request.call('linkat', fd, emptyPath(request), view.nodes.fd(request.node), name, AT_EMPTY_PATH);
  if (ret < 0) return ret;
  const stated = await stat(request, fd);
  if (stated < 0) return stated;
  view.nodes.again(id);
  writeEntry(request, view, id, request.out);
  return ENTRY_BYTES;
}
