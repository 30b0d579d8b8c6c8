/** Reads the start of a volume and tells what is on it: which file systems it may be, their label and UUID. */

import { toHex } from '../../../bytes/hex.ts';
import { holdsAll } from '../magic.ts';
import { type LabelField, type Superblock, superblocks, type UuidField } from './superblocks.ts';

export const superblocksOf = (head: Uint8Array): Superblock[] =>
  superblocks.filter(({ magic }) => holdsAll(head, magic));

/** What mkfs.fat writes where there is no label. */
const NO_LABEL = 'NO NAME';

export function labelOf(head: Uint8Array, { label }: Superblock): string | undefined {
  if (label === undefined) return undefined;
  const [decoded = ''] = decode(head, label).split('\0');
  const text = decoded.trimEnd();
  return text === '' || text === NO_LABEL ? undefined : text;
}

function decode(head: Uint8Array, { at, bytes, encoding }: LabelField): string {
  const field = head.subarray(at, at + bytes);
  if (encoding !== 'pascal') return new TextDecoder(encoding).decode(field);
  return String.fromCharCode(...field.subarray(1, 1 + (field[0] ?? 0)));
}

export function uuidOf(head: Uint8Array, { uuid }: Superblock): string | undefined {
  if (uuid === undefined) return undefined;
  const digits = uuidDigits(head.subarray(uuid.at, uuid.at + 16), uuid.encoding);
  return /[^0-]/.test(digits) ? digits : undefined;
}

function uuidDigits(field: Uint8Array, encoding: UuidField['encoding']): string {
  switch (encoding) {
    case 'uuid':
      return toHex(field).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'serial':
      return toHex(field.slice(0, 4).reverse()).toUpperCase().replace(/^.{4}/, '$&-');
    case 'u64':
      return toHex(field.slice(0, 8).reverse()).toUpperCase();
  }
}
