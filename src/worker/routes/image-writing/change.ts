/** Changes as JSON has them, as the calls that play them want them. */

import { fromBase64 } from '../../../bytes/base64.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { TreeChange } from '../../images/changes.ts';
import { modeOf } from '../sessions/schema.ts';
import type { Change } from './schema.ts';

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** A path, or the target of a symlink. */
function toBytes(name: string | { readonly base64: string }): Uint8Array {
  if (typeof name === 'string') return encoder.encode(name);
  const bytes = fromBase64(name.base64);
  if (bytes === undefined) throw new HostError('invalid-request', `no base64: ${name.base64}`);
  return bytes;
}

const NS_PER_MS = 1_000_000n;

/** Nanoseconds since 1970 of seconds with a fraction, or of ISO 8601. */
export function toNs(time: string | undefined): bigint | undefined {
  if (time === undefined) return undefined;
  const [, sign = '', seconds, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(time) ?? [];
  if (seconds === undefined) return isoNs(time);
  const ns = BigInt(seconds + fraction.padEnd(9, '0'));
  return sign === '-' ? -ns : ns;
}

/** Date has milliseconds: what is finer is taken from the text. */
function isoNs(time: string): bigint {
  const [, finer = ''] = /\.\d{3}(\d+)/.exec(time) ?? [];
  return BigInt(Date.parse(time)) * NS_PER_MS + BigInt(finer.slice(0, 6).padEnd(6, '0'));
}

export function toChange(change: Change): TreeChange {
  switch (change.op) {
    case 'write': {
      const { text, base64, mtime, mode, path, ...rest } = change;
      const bytes = base64 ?? (text === undefined ? NOTHING : encoder.encode(text));
      return { ...rest, path: toBytes(path), content: [bytes], mode: modeOf(mode), mtimeNs: toNs(mtime) };
    }
    case 'rename':
      return { op: 'rename', from: toBytes(change.from), to: toBytes(change.to) };
    case 'link':
    case 'symlink':
      return { op: change.op, path: toBytes(change.path), target: toBytes(change.target) };
    case 'utimes': {
      const { path, atime, mtime, ...rest } = change;
      return { ...rest, path: toBytes(path), atimeNs: toNs(atime), mtimeNs: toNs(mtime) };
    }
    case 'setxattr': {
      const { path, base64, ...rest } = change;
      return { ...rest, path: toBytes(path), value: base64 };
    }
    case 'mkdir':
    case 'mknod':
      return { ...change, path: toBytes(change.path), mode: modeOf(change.mode) };
    case 'chmod':
      return { ...change, path: toBytes(change.path), mode: modeOf(change.mode) ?? 0 };
    default:
      return { ...change, path: toBytes(change.path) };
  }
}
