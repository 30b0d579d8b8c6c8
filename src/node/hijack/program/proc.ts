/** What /proc tells of a thread: what its descriptors are, where it stands, which signals wait for it. */

import { readFileSync, readlinkSync } from 'node:fs';
import { errnos } from '../../../abi/errno.ts';
import { cstring, hostCall } from '../../native/calls.ts';

const AT_FDCWD = -100;
const O_PATH_DIRECTORY = 0o10000000 | (process.arch === 'arm64' ? 0o40000 : 0o200000) | 0o2000000;
const ENOENT = -errnos.ENOENT.number;

const link = new Uint8Array(64);
const name = new Uint8Array(16);
/** "socket:[" */
const socket = Buffer.from('socket:[');

/** A descriptor: a socket by its inode; something else of the machine; none. */
export type Descriptor = number | 'other' | 'none';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly umask: number;
}

export class ThreadProc {
  readonly #tid: number;
  #folder: number | undefined;

  constructor(tid: number) {
    this.#tid = tid;
  }

  /** /proc/TID/fd */
  #open(): number | undefined {
    const fd = hostCall('openat', AT_FDCWD, cstring(`/proc/${this.#tid}/fd`), O_PATH_DIRECTORY, 0);
    this.#folder = fd < 0 ? undefined : fd;
    return this.#folder;
  }

  descriptor(fd: number): Descriptor {
    if (fd < 0) return 'none';
    const found = this.#read(fd, this.#folder ?? this.#open());
    if (found !== undefined) return found;
    // No such descriptor; or the thread that had this number is gone, and another has it.
    this.close();
    return this.#read(fd, this.#open()) ?? 'none';
  }

  #read(fd: number, folder: number | undefined): Descriptor | undefined {
    if (folder === undefined) return undefined;
    const bytes = hostCall('readlinkat', folder, decimal(fd), link, link.length);
    if (bytes < 0) return bytes === ENOENT || bytes === -errnos.ESRCH.number ? undefined : 'other';
    for (let i = 0; i < socket.length; i++) if (link[i] !== socket[i]) return 'other';
    let inode = 0;
    for (let i = socket.length; i < bytes - 1; i++) inode = inode * 10 + (link[i] ?? 48) - 48;
    return inode;
  }

  /** Where it stands. */
  get directory(): string | undefined {
    try {
      return readlinkSync(`/proc/${this.#tid}/cwd`);
    } catch {
      return undefined;
    }
  }

  /** What descriptor `fd` is of a file of the machine's: its path. */
  pathOf(fd: number): string | undefined {
    try {
      return readlinkSync(`/proc/${this.#tid}/fd/${fd}`);
    } catch {
      return undefined;
    }
  }

  /** Which signals a descriptor of signalfd(2) tells of; undefined: it is none. */
  signalsOf(fd: number): bigint | undefined {
    if (this.pathOf(fd) !== 'anon_inode:[signalfd]') return undefined;
    try {
      const text = readFileSync(`/proc/${this.#tid}/fdinfo/${fd}`, 'latin1');
      return BigInt(`0x${/^sigmask:\s*([0-9a-f]+)$/m.exec(text)?.[1] ?? 0}`);
    } catch {
      return undefined;
    }
  }

  /** Its process, and that one's parent; undefined: it is gone. */
  get family(): { readonly tgid: number; readonly ppid: number; readonly name: string } | undefined {
    const text = this.#status();
    const number = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)$`, 'm').exec(text)?.[1]);
    if (text === '') return undefined;
    return { tgid: number('Tgid'), ppid: number('PPid'), name: /^Name:\s*(.*)$/m.exec(text)?.[1] ?? '' };
  }

  /** Whose files it makes, and with what permissions: those of file systems, and the mask. */
  get identity(): Identity {
    const text = this.#status();
    const last = (key: string) => Number(new RegExp(`^${key}:.*\\s(\\d+)$`, 'm').exec(text)?.[1] ?? 0);
    const groups = /^Groups:[ \t]*(.*)$/m.exec(text)?.[1]?.trim() ?? '';
    return {
      uid: last('Uid'),
      gid: last('Gid'),
      groups: groups === '' ? [] : groups.split(' ').map(Number),
      umask: Number.parseInt(/^Umask:\s*(\d+)$/m.exec(text)?.[1] ?? '22', 8),
    };
  }

  /** Whether it has a handler for this signal. */
  catches(signal: number): boolean {
    const mask = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(this.#status())?.[1] ?? 0}`);
    return isIn(mask, signal);
  }

  /** The signals that wait for it or its process, as bits. */
  get pendingSignals(): bigint {
    const text = this.#status();
    const mask = (key: string) => BigInt(`0x${new RegExp(`^${key}:\\s*([0-9a-f]+)$`, 'm').exec(text)?.[1] ?? 0}`);
    return mask('SigPnd') | mask('ShdPnd');
  }

  isPending(signal: number): boolean {
    return isIn(this.pendingSignals, signal);
  }

  ignores(signal: number): boolean {
    return isIn(BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(this.#status())?.[1] ?? 0}`), signal);
  }

  #status(): string {
    try {
      return readFileSync(`/proc/${this.#tid}/status`, 'latin1');
    } catch {
      return '';
    }
  }

  close(): void {
    if (this.#folder !== undefined) hostCall('close', this.#folder);
    this.#folder = undefined;
  }
}

const isIn = (mask: bigint, signal: number): boolean => ((mask >> BigInt(signal - 1)) & 1n) === 1n;

/** A number as a C string, without making one. */
function decimal(value: number): Uint8Array {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  name[digits] = 0;
  for (let rest = value, i = digits - 1; i >= 0; i--, rest = Math.floor(rest / 10)) name[i] = 48 + (rest % 10);
  return name;
}

const ours = new ThreadProc(process.pid);

/** The inode of a socket of this process. */
export function inodeOf(fd: number): number {
  const inode = ours.descriptor(fd);
  if (typeof inode !== 'number') throw new Error(`descriptor ${fd} is no socket`);
  return inode;
}
