/** What Node cannot make of files of this machine: devices, FIFOs, extended attributes and times to the nanosecond. */

import { lutimesSync } from 'node:fs';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFBLK, S_IFCHR, S_IFIFO } from '../../abi/uapi/fs.ts';
import { fromLossless } from '../../bytes/lossless.ts';
import { secondNames } from '../../tree/xattrs.ts';
import { cstring, hostCall } from './calls.ts';
import { native } from './native.ts';

/** Of the file itself, if it is a symlink. Answers how many this machine, its file system or who one is here did not let be set. */
export function setHostXattrs(path: Buffer, xattrs: ReadonlyMap<string, Uint8Array>): number {
  let refused = 0;
  for (const [key, value] of xattrs) {
    if (secondNames.has(key)) continue;
    const name = cstring(fromLossless(key));
    if (!native() || hostCall('lsetxattr', cstring(path), name, value, value.length, 0) < 0) refused++;
  }
  return refused;
}

const SECOND_NS = 1_000_000_000n;

/** Of its last use and its last change, of the file itself if it is a symlink. Node's own times are numbers of seconds, which have no nanoseconds. */
export function setHostTimes(path: Buffer, ns: bigint): void {
  const nanoseconds = ((ns % SECOND_NS) + SECOND_NS) % SECOND_NS;
  const time = [(ns - nanoseconds) / SECOND_NS, nanoseconds];
  const isSet =
    native() &&
    hostCall('utimensat', AT_FDCWD, cstring(path), BigInt64Array.from([...time, ...time]), AT_SYMLINK_NOFOLLOW) >= 0;
  if (!isSet) lutimesSync(path, Number(ns) / 1e9, Number(ns) / 1e9);
}

const types = { char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO } as const;

export interface HostNode {
  readonly type: keyof typeof types;
  readonly mode: number;
  readonly device: { readonly major: number; readonly minor: number };
}

/** Whether it is there now: making devices wants a right that few have. */
export function makeHostNode(path: Buffer, { type, mode, device }: HostNode): boolean {
  if (!native()) return false;
  const { major, minor } = device;
  // As Linux packs it for programs: 12 bits of major, 20 of minor.
  const number = type === 'fifo' ? 0 : (major << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12);
  return hostCall('mknodat', AT_FDCWD, cstring(path), types[type] | mode, number) >= 0;
}
