/** A tar and a fixture's listing in one form, to be compared entry by entry. */

import { concat } from '../../src/bytes/concat.ts';
import type { Entry, FailedEntry } from '../fixtures/load.ts';
import { type ReadEntry, readTar } from './read-tar.ts';

/** What is compared of an entry; bytes are strings of one char a byte, which a failed test can show. */
export type Row = Readonly<Record<string, unknown>>;

/** Byte for byte. */
const chars = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

const tarTypes: Readonly<Record<string, Entry['type']>> = {
  '0': 'file',
  '1': 'file',
  '2': 'link',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
};

/** Of a longer file the listing hashes the runs of data alone. */
const WHOLE_BYTES = 2 ** 30;

const failed = (entry: Entry | FailedEntry): entry is FailedEntry => 'error' in entry;

const without = (row: Row, untold: readonly string[]): Row =>
  Object.fromEntries(Object.entries(row).filter(([key]) => !untold.includes(key)));

/** What a tar of the listed tree must hold, by path: all but sockets, and what could not be read even by those who listed it. */
export function rowsOfListing(
  listing: readonly (Entry | FailedEntry)[],
  untold: readonly string[] = [],
): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const entry of listing) {
    if (failed(entry) || entry.type === 'socket') continue;
    const { type, size } = entry;
    // Under another name where it is of the runs of data alone.
    const { sha256, dataSha256 = sha256 } = entry as Entry & { readonly dataSha256?: string };
    const row: Row = {
      type,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      mtime: entry.mtimeNs,
      target: entry.target && chars(entry.target),
      rdev: entry.rdev,
      group: entry.group && chars(entry.group),
      xattrs: new Map([...entry.xattrs].map(([name, value]) => [chars(new TextEncoder().encode(name)), chars(value)])),
      ...(type === 'file' && { size, sha256: dataSha256, data: entry.data ?? (size > 0 ? [[0, size]] : []) }),
    };
    rows.set(chars(entry.path), without(row, untold));
  }
  return rows;
}

/** The tar in the same form. Fails if it has a path twice, or a hard link to what does not come before it. */
export async function rowsOfTar(tar: Uint8Array, untold: readonly string[] = []): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  const groups = new Map<string, string[]>();
  for (const entry of readTar(tar)) {
    const path = relative(entry.path);
    if (rows.has(path)) throw new Error(`${path} is in the tar twice`);
    if (entry.typeflag !== '1') {
      rows.set(path, await rowOf(entry));
      continue;
    }
    const first = relative(entry.linkPath);
    const row = rows.get(first);
    if (row === undefined) throw new Error(`${path} is a link to ${first}, which does not come before it`);
    rows.set(path, { ...row, mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime: entry.mtimeNs });
    groups.set(first, [...(groups.get(first) ?? [first]), path]);
  }
  for (const paths of groups.values()) {
    const [group] = paths.toSorted();
    for (const path of paths) rows.set(path, { ...rows.get(path), group });
  }
  return new Map([...rows].map(([path, row]) => [path, without(row, untold)]));
}

const relative = (path: Uint8Array): string => chars(path).replace(/^\.\//, '').replace(/\/$/, '') || '.';

async function rowOf(entry: ReadEntry): Promise<Row> {
  const type = tarTypes[entry.typeflag];
  const { size } = entry;
  const hashed = size > WHOLE_BYTES ? [entry.data] : withHoles(entry);
  return {
    type,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: entry.mtimeNs,
    target: type === 'link' ? chars(entry.linkPath) : undefined,
    rdev: type === 'char' || type === 'block' ? entry.device : undefined,
    group: undefined,
    xattrs: new Map([...entry.xattrs].map(([name, value]) => [name, chars(value)])),
    ...(type === 'file' && { size, sha256: size > 0 ? await sha256(hashed) : undefined, data: entry.extents }),
  };
}

/** The file in pieces, holes as zeros. */
function withHoles({ size, extents, data }: ReadEntry): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  let used = 0;
  for (const [offset, length] of extents) {
    parts.push(new Uint8Array(offset - at), data.subarray(used, used + length));
    used += length;
    at = offset + length;
  }
  return [...parts, new Uint8Array(size - at)];
}

async function sha256(parts: readonly Uint8Array[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', concat(parts));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
