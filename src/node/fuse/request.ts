/** One request of Linux's to a file system in user space, where it lies in the memory of the task that plays it. */

import type { SyscallName } from '../../abi/syscalls.ts';
import { fuse } from '../../abi/uapi/fuse.ts';
import { must } from '../../kernel/kernel-error.ts';
import { type Ptr, plus } from '../../kernel/memory.ts';
import { mapBuffer } from '../../kernel/syscalls/memory.ts';
import { throughFd } from '../../kernel/syscalls/xattr.ts';
import type { PlayedTask } from '../../kernel/user-task.ts';
import { fields, getU64 } from './layouts.ts';

/** The most bytes that one request reads or writes: 256 pages, as many as Linux lets pass unless its administrator says more. */
export const MAX_DATA_BYTES = 1024 * 1024;
/** Beside data: headers, and names. */
const BESIDE_BYTES = 16 * 1024;

const header = fields('fuse_in_header');
const reply = fields('fuse_out_header');

/** prctl(2): changing a task's user takes none of its capabilities. */
const PR_SET_SECUREBITS = 28;
const SECBIT_NO_SETUID_FIXUP = 4;

/** Where structs of calls lie in the task's scratch memory, away from each other. */
const STRUCT_AT = 0;
const PATH_AT = 4096;

const encoder = new TextEncoder();

/** A task of our kernel that plays one request after another: it reads them into memory of its own, and answers from there. */
export class RequestTask {
  readonly task: PlayedTask;
  readonly #buffer: Ptr;
  readonly bytes = MAX_DATA_BYTES + BESIDE_BYTES;
  #uid = 0;
  #gid = 0;
  #umask = -1;

  private constructor(task: PlayedTask, buffer: Ptr) {
    this.task = task;
    this.#buffer = buffer;
  }

  /** `task` is attached. */
  static async make(task: PlayedTask): Promise<RequestTask> {
    must('prctl', await task.syscall('prctl', PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
    const { at } = await mapBuffer(task, MAX_DATA_BYTES + BESIDE_BYTES);
    return new RequestTask(task, at);
  }

  get data(): DataView {
    return this.task.memory.data;
  }
  /** For immediate use. */
  view(at: number, length: number): Uint8Array {
    return this.task.memory.view(at as Ptr, length);
  }
  /** Where a request is read to. */
  get whole(): Uint8Array {
    return this.view(this.#buffer, this.bytes);
  }

  /** Of the request that was read last. */
  get length(): number {
    return this.data.getUint32(this.#buffer + header.len, true);
  }
  get operation(): number {
    return this.data.getUint32(this.#buffer + header.opcode, true);
  }
  get node(): number {
    return getU64(this.data, this.#buffer + header.nodeid);
  }
  get unique(): bigint {
    return this.data.getBigUint64(this.#buffer + header.unique, true);
  }
  /** Its arguments, and what follows them. */
  get in(): Ptr {
    return plus(this.#buffer, header.bytes);
  }
  /** What a reply says after its header. It lies over the request: read that first. */
  get out(): Ptr {
    return plus(this.#buffer, reply.bytes);
  }
  /** Room for a struct of a call. */
  get struct(): Ptr {
    return plus(this.task.scratch, STRUCT_AT);
  }
  /** Memory for what is no part of request or reply: the second half of the buffer, for requests that bring no data. */
  get aside(): { readonly at: Ptr; readonly bytes: number } {
    const half = this.bytes / 2;
    return { at: plus(this.#buffer, half), bytes: half };
  }

  /** Where the C string after the one at `at` begins. */
  after(at: Ptr): Ptr {
    const bytes = this.task.memory.bytes;
    return plus(at, bytes.indexOf(0, at) - at + 1);
  }

  /** The name of an open file, whatever it is open for, for calls that take paths. */
  path(fd: number): Ptr {
    const at = plus(this.task.scratch, PATH_AT);
    this.task.memory.writeCstring(at, encoder.encode(throughFd(fd)));
    return at;
  }

  call(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    return this.task.syscall(name, ...args);
  }

  /** What is made from now on belongs to whoever made the request. */
  async become(uid: number, gid: number): Promise<void> {
    if (gid !== this.#gid) await this.call('setfsgid', gid);
    this.#gid = gid;
    if (uid !== this.#uid) await this.call('setfsuid', uid);
    this.#uid = uid;
  }
  get caller(): { readonly uid: number; readonly gid: number } {
    const data = this.data;
    const uid = data.getUint32(this.#buffer + header.uid, true);
    const gid = data.getUint32(this.#buffer + header.gid, true);
    // A user of a namespace that the mount has no number for: nothing is made as nobody.
    return { uid: uid === fuse.INVALID_UIDGID ? 0 : uid, gid: gid === fuse.INVALID_UIDGID ? 0 : gid };
  }
  async umask(mask: number): Promise<void> {
    if (mask !== this.#umask) await this.call('umask', mask);
    this.#umask = mask;
  }

  /** The bytes of the answer: `result` is how many follow its header, or a negative errno. */
  answer(unique: bigint, result: number): Uint8Array {
    const bytes = reply.bytes + Math.max(0, result);
    const data = this.data;
    data.setUint32(this.#buffer + reply.len, bytes, true);
    data.setInt32(this.#buffer + reply.error, Math.min(0, result), true);
    data.setBigUint64(this.#buffer + reply.unique, unique, true);
    return this.view(this.#buffer, bytes);
  }
}
