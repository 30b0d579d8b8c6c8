/** The listing of an image as lister.c writes it: read, and made of a tar of ours. */

import { crc32 } from 'node:zlib';
import { readTar } from '../../../test/kernel/read-tar.ts';

export interface Listed {
  /** By path: all that is told of it, but its time. */
  readonly entries: ReadonlyMap<string, string>;
  readonly times: ReadonlyMap<string, string>;
  /** Calls that failed, and messages of the kernel that are errors. */
  readonly errors: readonly string[];
  readonly refused: boolean;
}

/** Log levels up to KERN_ERR, of lines that a file system wrote. */
const BAD = /^# <[0-3]>\[/;
/** Of the loop device, or of what is no fault of the image. */
const NOISE = /loop: module|MTD: Attempt to mount|Quota error|quotas? /;

export function parseListing(text: string): Listed {
  const entries = new Map<string, string>();
  const times = new Map<string, string>();
  const errors: string[] = [];
  let refused = false;
  for (const line of text.split('\n')) {
    if (BAD.test(line) && !NOISE.test(line)) errors.push(line.replace(/^# <\d>\[[\d .]+\] /, ''));
    if (line === '' || line.startsWith('#')) continue;
    const [path = '', type = '', ...rest] = line.split(' ');
    if (type === 'error') {
      refused ||= path === '-' && rest[1] !== 'too-much';
      errors.push(`${Buffer.from(path, 'hex').toString()} ${rest.join(' ')}`);
    } else if (type !== 's') {
      const [mode, uid, gid, size, mtime = '', hash] = rest;
      entries.set(path, [type, mode, uid, gid, size, hash].join(' '));
      times.set(path, mtime);
    }
  }
  return { entries, times, errors, refused };
}

const types: Readonly<Record<string, string>> = { '0': 'f', '2': 'l', '3': 'c', '4': 'b', '5': 'd', '6': 'p' };

export function listingOfTar(tar: Uint8Array): Pick<Listed, 'entries' | 'times'> {
  const entries = new Map<string, string>();
  const times = new Map<string, string>();
  const hexOf = (path: Uint8Array) =>
    Buffer.from(Buffer.from(path).toString('latin1').replace(/\/$/, '') || '.', 'latin1').toString('hex');
  for (const entry of readTar(tar)) {
    const path = hexOf(entry.path);
    if (path === hexOf(Buffer.from('./.fs2tar-errors'))) continue;
    const type = types[entry.typeflag];
    times.set(path, String(entry.mtimeNs / 1_000_000_000n - (entry.mtimeNs % 1_000_000_000n < 0n ? 1n : 0n)));
    if (type === undefined) {
      entries.set(path, entries.get(hexOf(entry.linkPath)) ?? 'a link to nothing');
      continue;
    }
    const [major, minor] = entry.device;
    const hash = type === 'f' ? hashOf(entry) : type === 'l' ? crc32(entry.linkPath) : (major << 20) | minor;
    const size = type === 'f' ? entry.size : type === 'l' ? entry.linkPath.length : 0;
    const told = type === 'f' || type === 'l' || type === 'c' || type === 'b' ? hash >>> 0 : 0;
    const hex = told.toString(16).padStart(8, '0');
    entries.set(path, [type, entry.mode.toString(8), entry.uid, entry.gid, size, hex].join(' '));
  }
  return { entries, times };
}

const zeros = new Uint8Array(1 << 20);

/** Holes are zeros. */
function hashOf({ size, extents, data }: ReturnType<typeof readTar>[number]): number {
  let sum = 0;
  let at = 0;
  let used = 0;
  const hole = (bytes: number) => {
    for (let left = bytes; left > 0; left -= zeros.length) sum = crc32(zeros.subarray(0, left), sum);
  };
  for (const [offset, length] of extents) {
    hole(offset - at);
    sum = crc32(data.subarray(used, used + length), sum);
    used += length;
    at = offset + length;
  }
  hole(size - at);
  return sum;
}
