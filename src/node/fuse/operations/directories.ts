/** FUSE's operations on open directories: their entries, with or without what they are. */

import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY, SEEK_SET } from '../../../abi/uapi/fs.ts';
import { fuse } from '../../../abi/uapi/fuse.ts';
import type { Ptr } from '../../../kernel/memory.ts';
import { copyU64, fields, getU64, setU64 } from '../layouts.ts';
import type { RequestTask } from '../request.ts';
import { look, type View } from '../view.ts';

const openOut = fields('fuse_open_out');
const readIn = fields('fuse_read_in');
const releaseIn = fields('fuse_release_in');
const dirent = fields('fuse_dirent');
const direntplus = fields('fuse_direntplus');

/** struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, then the name and its NUL. */
const LINUX = { ino: 0, off: 8, reclen: 16, type: 18, name: 19 };

export async function opendir(request: RequestTask, view: View): Promise<number> {
  const node = view.nodes.fd(request.node);
  const fd = await request.call('openat', AT_FDCWD, request.path(node), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  view.directories.set(fd, { at: 0 });
  request.view(request.out, openOut.bytes).fill(0);
  setU64(request.data, request.out + openOut.fh, fd);
  const flags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_CACHE_DIR;
  request.data.setUint32(request.out + openOut.open_flags, flags, true);
  return openOut.bytes;
}

export function releasedir(request: RequestTask, view: View): Promise<number> {
  const fd = getU64(request.data, request.in + releaseIn.fh);
  view.directories.delete(fd);
  return request.call('close', fd);
}

export const readdir = (request: RequestTask, view: View): Promise<number> => list(request, view, false);
export const readdirplus = (request: RequestTask, view: View): Promise<number> => list(request, view, true);

/**
 * Entries from an offset on, as many as there is room for. What was read of the directory and has no room is read again: then its
 * position is set back to the last entry that had.
 */
async function list(request: RequestTask, view: View, isPlus: boolean): Promise<number> {
  const { data, in: at, out } = request;
  const [fd, offset] = [getU64(data, at + readIn.fh), getU64(data, at + readIn.offset)];
  const aside = request.aside;
  // The reply lies over the request.
  const parent = request.node;
  const room = Math.min(data.getUint32(at + readIn.size, true), aside.bytes);
  const state = view.directories.get(fd);
  if (state?.at !== offset) {
    const ret = await seek(request, fd, offset);
    if (ret < 0) return ret;
  }
  // An entry of Linux's is never longer than one of FUSE's by more than its NUL.
  const bytes = await request.call('getdents64', fd, aside.at, room);
  if (bytes < 0) return bytes;
  const head = isPlus ? direntplus.dirent : 0;
  let written = 0;
  let last = offset;
  for (let from = aside.at as number; from < aside.at + bytes; ) {
    // Memory may grow, and views of it end, in each call: what is read of an entry is read before.
    const next = from + request.data.getUint16(from + LINUX.reclen, true);
    const name = (from + LINUX.name) as Ptr;
    const length = request.task.memory.bytes.indexOf(0, name) - name;
    const size = Math.ceil((head + dirent.name + length) / 8) * 8;
    if (written + size > room) {
      await seek(request, fd, last);
      break;
    }
    const to = out + written;
    request.view(to, size).fill(0);
    if (isPlus) await described(request, view, { fd, parent, name, length, to });
    const data = request.data;
    copyU64(data, from + LINUX.ino, to + head + dirent.ino);
    copyU64(data, from + LINUX.off, to + head + dirent.off);
    data.setUint32(to + head + dirent.namelen, length, true);
    data.setUint32(to + head + dirent.type, request.view(from + LINUX.type, 1)[0] ?? 0, true);
    request.view(to + head + dirent.name, length).set(request.view(name, length));
    last = getU64(data, from + LINUX.off);
    written += size;
    from = next;
  }
  if (state) state.at = last;
  return written;
}

interface Listed {
  readonly fd: number;
  readonly parent: number;
  readonly name: Ptr;
  readonly length: number;
  readonly to: number;
}

/** Linux counts a lookup of each entry that is described; "." and "..", and what cannot be looked at, stay without. */
async function described(request: RequestTask, view: View, { fd, parent, name, length, to }: Listed): Promise<void> {
  const bytes = request.view(name, length);
  if (length <= 2 && bytes.every((byte) => byte === 0x2e)) return;
  const found = await look(request, view, fd, name, to, parent);
  if (found < 0) request.view(to, direntplus.dirent).fill(0);
}

function seek(request: RequestTask, fd: number, offset: number): Promise<number> {
  const high = Math.floor(offset / 0x1_0000_0000);
  return request.call('llseek', fd, high, offset >>> 0, request.struct, SEEK_SET);
}
