/** The UUID of a partition. Linux 6.12 knows it and has no file that tells it, so the tables are read once more. */

import { type BlockDevice, SECTOR } from '../../storage/block-device.ts';
import { partitionTableOf } from './superblock.ts';

/** As PARTUUID has it; undefined where the kind of table has none. `head` is that of the whole device. */
export async function partitionUuid(
  device: BlockDevice,
  head: Uint8Array,
  number: number,
): Promise<string | undefined> {
  switch (partitionTableOf(head)?.type) {
    case 'gpt':
      return gptUuid(device, head, number);
    case 'dos':
      return dosUuid(head, number);
    default:
      return undefined;
  }
}

/** block/partitions/efi.h: struct gpt_header at the second sector, struct gpt_entry. */
async function gptUuid(device: BlockDevice, head: Uint8Array, number: number): Promise<string | undefined> {
  const header = new DataView(head.buffer, SECTOR);
  const entry = Number(header.getBigUint64(72, true)) * SECTOR + (number - 1) * header.getUint32(84, true);
  const sector = Math.floor(entry / SECTOR);
  if (sector >= device.sectors) return undefined;
  const bytes = new Uint8Array(SECTOR);
  await device.read(sector, bytes);
  const guid = bytes.subarray((entry % SECTOR) + 16, (entry % SECTOR) + 32);
  // The first three fields of a GUID are little-endian.
  const ordered = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) => guid[i] ?? 0);
  return hex(ordered).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** block/partitions/msdos.c: set_info. */
function dosUuid(head: Uint8Array, number: number): string | undefined {
  const signature = [...head.subarray(440, 444)].reverse();
  return signature.some((byte) => byte !== 0) ? `${hex(signature)}-${hex([number])}` : undefined;
}

const hex = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
