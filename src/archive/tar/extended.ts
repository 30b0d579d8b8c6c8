/** Extended headers of POSIX.1-2001: what they say of the entry behind them, in all the dialects of GNU, star, Sun and libarchive. */

import { fromBase64 } from '../../bytes/base64.ts';
import { withoutEnd } from '../../bytes/ends.ts';
import { aclOf } from './acl.ts';
import { type Raw, rawOf } from './raw.ts';

export interface PaxRecord {
  readonly key: Raw;
  readonly value: Uint8Array;
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/** "length keyword=value\n", where length counts itself. Undefined where that is not what is there. */
export function paxRecords(bytes: Uint8Array): PaxRecord[] | undefined {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    // Some fill up the last block's rest as part of the header.
    if (bytes[at] === 0 && bytes.subarray(at).every((byte) => byte === 0)) break;
    const space = bytes.indexOf(SPACE, at);
    const digits = space < 0 || space - at > 12 ? '' : rawOf(bytes.subarray(at, space));
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = bytes.indexOf(EQUALS, space);
    if (length === 0 || end > bytes.length || bytes[end - 1] !== NEWLINE || equals < 0 || equals >= end)
      return undefined;
    records.push({ key: rawOf(bytes.subarray(space + 1, equals)), value: bytes.slice(equals + 1, end - 1) });
    at = end;
  }
  return records;
}

/** Records by keyword; of those that come again the last counts. An empty one takes back what a global header said. */
export function paxMap(...lists: readonly (readonly PaxRecord[])[]): Map<Raw, Uint8Array> {
  const map = new Map<Raw, Uint8Array>();
  for (const { key, value } of lists.flat()) {
    if (value.length === 0 && !/xattr|acl|selinux/.test(key)) map.delete(key);
    else map.set(key, value);
  }
  return map;
}

/** A decimal number; undefined where there is none, NaN where it is no number. */
export function decimal(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  const text = rawOf(value).trim();
  return /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** Seconds and the nanoseconds after them; more digits than nine are let go of, as by GNU tar. */
export function timeOf(value: Uint8Array): { readonly seconds: number; readonly nanoseconds: number } | undefined {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(rawOf(value).trim()) ?? [];
  if (whole === undefined) return undefined;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  const seconds = Number(whole);
  if (sign !== '-') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: seconds === 0 ? 0 : -seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

const SCHILY = 'SCHILY.xattr.';
const LIBARCHIVE = 'LIBARCHIVE.xattr.';
const acls = ['access', 'default'] as const;

/**
 * Extended attributes. ACLs as text count where the attribute itself is not there; those that name users cannot be told,
 * and are not. `isName` says which names there is a place for.
 */
export function xattrsOf(
  pax: ReadonlyMap<Raw, Uint8Array>,
  isName: (name: Raw) => boolean,
): Map<Raw, Uint8Array> | undefined {
  const xattrs = new Map<Raw, Uint8Array>();
  for (const [key, value] of pax) {
    if (key.startsWith(LIBARCHIVE)) {
      const name = unescaped(key.slice(LIBARCHIVE.length), /%([0-9A-Fa-f]{2})/g);
      // Its base64 has no padding, and where it has, it is taken off.
      const bytes = fromBase64(padded(withoutEnd(rawOf(value), '= \t\r\n')));
      if (bytes !== undefined && isName(name) && !xattrs.has(name)) xattrs.set(name, bytes);
    } else if (key.startsWith(SCHILY)) {
      // A keyword ends at its first "=": GNU tar writes that and "%" in another way.
      const name = unescaped(key.slice(SCHILY.length), /%(3[Dd]|25)/g);
      if (isName(name)) xattrs.set(name, value);
    }
  }
  const selinux = pax.get('RHT.security.selinux');
  if (selinux && !xattrs.has('security.selinux')) xattrs.set('security.selinux', selinux);
  for (const kind of acls) {
    const name = `system.posix_acl_${kind}`;
    const text = pax.get(`SCHILY.acl.${kind}`);
    const acl = text && !xattrs.has(name) ? aclOf(rawOf(text), kind) : undefined;
    if (acl) xattrs.set(name, acl);
  }
  return xattrs.size > 0 ? xattrs : undefined;
}

const unescaped = (text: Raw, escaped: RegExp): Raw =>
  text.replace(escaped, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

const padded = (text: string): string => text.padEnd(Math.ceil(text.length / 4) * 4, '=');
