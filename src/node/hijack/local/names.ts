/**
 * Names of AF_UNIX sockets among files. The file is the machine's: the placeholder itself is bound to it, so that it is made, seen and removed as any
 * other. In our kernel the socket has a path by what tells that file from all others: one path for all network namespaces, as files have it.
 */

import { type BigIntStats, chmodSync, fstatSync, lchownSync, lstatSync, unlinkSync } from 'node:fs';
import { cstring, hostCall } from '../../native/calls.ts';
import type { OpenFile } from '../files/open-files.ts';
import type { Call } from '../program/call.ts';
import { CallFailed, failedBy, negative } from '../program/failed.ts';
import type { KernelTask } from '../program/kernel-task.ts';
import type { Identity } from '../program/proc.ts';
import type { Local } from './local.ts';

const AF_UNIX = 1;
const AT_FDCWD = -100;
const [O_PATH, O_CLOEXEC] = [0o10000000, 0o2000000] as const;
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000;
const RESOLVE_IN_ROOT = 0x10;
const SLASH = 0x2f;
/** sizeof(sun_path), and a NUL is to have room. */
const MOST_PATH = 107;
const FAMILY_BYTES = 2;

/** The path of an address; undefined: its name is no file's. */
export function pathOf(address: Uint8Array): Buffer | undefined {
  if (address[0] !== AF_UNIX || address[1] !== 0 || address.length <= FAMILY_BYTES || address[FAMILY_BYTES] === 0)
    return undefined;
  const end = address.indexOf(0, FAMILY_BYTES);
  return Buffer.from(address.subarray(FAMILY_BYTES, end < 0 ? undefined : end));
}

/** A descriptor (O_PATH) of what a thread means by a path; a negative errno. */
function openAs(tid: number, path: Buffer, flags = 0): number {
  const isAbsolute = path[0] === SLASH;
  const from = cstring(`/proc/${tid}/${isAbsolute ? 'root' : 'cwd'}`);
  const base = hostCall('openat', AT_FDCWD, from, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (base < 0) return base;
  // struct open_how: flags, mode, resolve.
  const how = BigUint64Array.of(BigInt(O_PATH | O_CLOEXEC | flags), 0n, BigInt(isAbsolute ? RESOLVE_IN_ROOT : 0));
  const found = hostCall('openat2', base, cstring(path), how, how.byteLength);
  hostCall('close', base);
  return found;
}

/** Where the names lie in our kernel; no program's path leads there. */
const FOLDER = '/run/lkl-sockets';
const nameOf = ({ dev, ino }: BigIntStats): string => `${FOLDER}/${dev}:${ino}`;

function put(task: KernelTask, at: number, name: string): number {
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(name)]);
  task.memory.write(at as typeof task.structs, address);
  return address.length;
}

/** Whether somebody may connect to it: that is to write. */
function mayWrite({ mode, uid, gid }: BigIntStats, who: Identity): boolean {
  if (who.uid === 0) return true;
  const isGroup = Number(gid) === who.gid || who.groups.includes(Number(gid));
  const shift = Number(uid) === who.uid ? 6n : isGroup ? 3n : 0n;
  return ((mode >> shift) & 2n) !== 0n;
}

/** Where the task has it at `at`: the name of the socket that an address of the program's leads to. Answers how long it is. Throws an errno. */
export function find(call: Call, task: KernelTask, path: Buffer, at: number): number {
  const { tid, proc } = call.thread;
  const fd = openAs(tid, path);
  if (fd < 0) throw failedBy(fd);
  try {
    const found = fstatSync(fd, { bigint: true });
    if (!found.isSocket()) throw new CallFailed('ECONNREFUSED');
    if (!mayWrite(found, proc.identity)) throw new CallFailed('EACCES');
    const name = nameOf(found);
    // A socket of the machine's own, or nobody's any more.
    if (!call.around.local.has(name)) throw new CallFailed('ECONNREFUSED');
    return put(task, at, name);
  } finally {
    hostCall('close', fd);
  }
}

/** bind(2) to a path: descriptor `fd` of the program, which is `kernelFd` in our kernel. */
export async function bindTo(
  call: Call,
  task: KernelTask,
  { address, path, socket }: { readonly address: Uint8Array; readonly path: Buffer; readonly socket: OpenFile },
): Promise<number> {
  const slash = path.lastIndexOf(SLASH);
  const base = path.subarray(slash + 1);
  if (base.length === 0) return negative('ENOENT');
  const folder = slash < 0 ? Buffer.from('.') : path.subarray(0, Math.max(1, slash));
  const directory = openAs(call.thread.tid, folder, O_DIRECTORY);
  if (directory < 0) return directory;
  const file = Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), base]);
  try {
    const made = makeFile(call, file);
    if (made < 0) return made;
    const name = nameOf(lstatSync(file, { bigint: true }));
    const ret = await bindIn(call, task, socket, name);
    if (ret < 0) unlinkSync(file);
    else call.around.local.named(name, address, socket);
    return ret;
  } finally {
    hostCall('close', directory);
  }
}

async function bindIn(call: Call, task: KernelTask, { fd }: OpenFile, name: string): Promise<number> {
  const remove = (one: string) => task.call('unlinkat', AT_FDCWD, task.path(Buffer.from(one)), 0);
  for (const left of call.around.local.takeLeft()) await remove(left);
  const bind = () => task.call('bind', fd, task.structs, put(task, task.structs, name));
  const ret = await bind();
  if (ret === negative('ENOENT')) await task.call('mkdirat', AT_FDCWD, task.path(Buffer.from(FOLDER)), 0o700);
  // The machine has given the number of a file that was removed to another one: the older socket is nameless there, too.
  else if (ret === negative('EADDRINUSE')) await remove(name);
  else return ret;
  return bind();
}

/** The placeholder gets a name; its file is that of the program's user. */
function makeFile(call: Call, file: Buffer): number {
  if (file.length > MOST_PATH) return negative('ENAMETOOLONG');
  const copy = call.around.copyDescriptor(call.thread, call.int(0));
  if (copy < 0) return copy;
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), file, Buffer.alloc(1)]);
  const ret = hostCall('bind', copy, address, address.length);
  hostCall('close', copy);
  if (ret < 0) return ret;
  const { uid, gid, umask } = call.thread.proc.identity;
  try {
    lchownSync(file, uid, gid);
    chmodSync(file, 0o777 & ~umask);
  } catch {
    // In a namespace of users it is this user's in any case.
  }
  return 0;
}

/** An address of our kernel's as programs know it. */
export function given(local: Local, address: Uint8Array): Uint8Array {
  const path = pathOf(address)?.toString('latin1');
  return (path === undefined ? undefined : local.addressOf(path)) ?? address;
}
