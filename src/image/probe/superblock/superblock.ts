/** Reads the start of a volume and tells what is on it: which file systems it may be, their label and UUID. */

import { toHex } from '../../../bytes/hex.ts';
import { type BlockDevice, SECTOR } from '../../../storage/block-device.ts';
import { holdsAll } from '../magic.ts';
import { type PartitionTable, partitionTables } from '../partition-table/partition-tables.ts';
import { type LabelField, SUPERBLOCK_BYTES, type Superblock, superblocks, type UuidField } from './superblocks.ts';

/** The first `SUPERBLOCK_BYTES` of a volume; zeros where it is shorter. */
export async function readHead(device: BlockDevice, sector: number, sectors: number): Promise<Uint8Array> {
  const head = new Uint8Array(SUPERBLOCK_BYTES);
  const within = Math.min(sectors, device.sectors - sector) * SECTOR;
  if (within > 0) await device.read(sector, head.subarray(0, within));
  return head;
}

export const superblocksOf = (head: Uint8Array): Superblock[] =>
  superblocks.filter(({ magic }) => holdsAll(head, magic));

export const partitionTableOf = (head: Uint8Array): PartitionTable | undefined =>
  partitionTables.find(({ magic, check }) => holdsAll(head, [magic]) && (check?.(head) ?? true));

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
