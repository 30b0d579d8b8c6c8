/** How files are written for people and as JSON. */

import { inOctal, shownBytes } from '../../src/bytes/shown-bytes.ts';
import { printable } from '../failure.ts';
import type { FileEntry, FileType } from './image-tree.ts';

/** As ls -l begins a mode. */
export const letters: Readonly<Record<FileType, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
};

/** As ls -l has it: drwxr-sr-t. */
export function modeText({ type, mode }: Pick<FileEntry, 'type' | 'mode'>): string {
  const bits = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (mode & (1 << bit) ? 'rwx'[(8 - bit) % 3] : '-'));
  const special = [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const;
  for (const [flag, at, letter] of special) {
    if (mode & flag) bits[at] = bits[at] === 'x' ? letter : letter.toUpperCase();
  }
  return letters[type] + bits.join('');
}

export const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

/** UTC, to the second. What no calendar has is seconds. */
export function timeText(ns: bigint): string {
  const whole = ns / 1_000_000_000n - (ns % 1_000_000_000n < 0n ? 1n : 0n);
  const date = new Date(Number(whole) * 1000);
  return Number.isNaN(date.getTime()) ? `${whole} s` : date.toISOString().slice(0, 19).replace('T', ' ');
}

/** The same to the nanosecond. */
export const exactTime = (ns: bigint): string => {
  const fraction = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return `${timeText(ns)}.${`${fraction}`.padStart(9, '0')} UTC`;
};

const units = ['B', 'K', 'M', 'G', 'T', 'P', 'E'];

/** As ls -h has it: 1.5K, 23M. */
export function sizeText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  if (power === 0) return `${bytes}`;
  const value = bytes / 1024 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${units[power]}`;
}

/** A name or a path in a line of words, or for a terminal: none begins a line of its own, or moves what is behind it. */
export const shown = (name: Buffer): string => printable(shownBytes(name)).replaceAll(/[\n\t]/g, inOctal);

/** For a line of output: bytes that are not UTF-8 survive, unless a terminal would show them. */
export function line(path: Buffer, { before = '', after = '' } = {}): Buffer {
  const text = process.stdout.isTTY ? Buffer.from(shown(path)) : path;
  return Buffer.concat([Buffer.from(before), text, Buffer.from(`${after}\n`)]);
}

/** As text, and as base64 beside it where it is not UTF-8: as the HTTP interface has it. */
export function textMembers(key: string, bytes: Buffer): Readonly<Record<string, string>> {
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes)
    ? { [key]: text }
    : { [key]: text, [`${key}_base64`]: bytes.toString('base64') };
}

/** Members as the HTTP interface has them; times are text, as nanoseconds do not fit a double. */
export function entryJson({ name, target, more, ...entry }: FileEntry, path = name): Readonly<Record<string, unknown>> {
  return {
    ...textMembers(path === name ? 'name' : 'path', path),
    type: entry.type,
    mode: octal(entry.mode),
    uid: entry.uid,
    gid: entry.gid,
    size_bytes: entry.sizeBytes,
    links: entry.links,
    mtime_ns: `${entry.mtimeNs}`,
    ...(target && textMembers('target', target)),
    ...(more && {
      inode: more.inode.split(':').at(-1),
      allocated_bytes: more.allocatedBytes,
      atime_ns: `${more.atimeNs}`,
      ctime_ns: `${more.ctimeNs}`,
      ...(more.btimeNs !== undefined && { btime_ns: `${more.btimeNs}` }),
      ...((entry.type === 'char' || entry.type === 'block') && { device: more.device }),
    }),
  };
}
