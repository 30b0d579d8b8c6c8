/** What a partition table says of a partition and Linux has no file for: its UUID, its type, the table's own id. */

import { SECTOR } from '../../../storage/block-device.ts';
import { type Fields, fieldsAt } from '../fields.ts';
import type { VolumeBytes } from '../volume-bytes.ts';
import { type Gpt, gptEntry } from './gpt.ts';

export interface PartitionEntry {
  /** As PARTUUID has it. */
  readonly uuid: string | undefined;
  /** The type's GUID, its code as in 0x83, or its name. */
  readonly typeCode: string | undefined;
  /** Absent: Linux tells it, or there is none. */
  readonly label?: string;
}

export interface TableReader {
  /** A GUID, or the disk signature of a DOS table. */
  id(): Promise<string | undefined>;
  entry(number: number, startSector: number): Promise<PartitionEntry>;
}

const nothing: PartitionEntry = { uuid: undefined, typeCode: undefined };
const byteText = (byte: number): string => byte.toString(16).padStart(2, '0');

/** Of the table of `type`, as partitionTableOf calls it. `unit`: the bytes its numbers count. */
export function tableReader(
  bytes: VolumeBytes,
  type: string | undefined,
  gpt: Gpt | undefined,
  unit: number,
): TableReader {
  if (gpt !== undefined) {
    return {
      id: async () => gpt.id,
      async entry(number) {
        const entry = await gptEntry(bytes, gpt, number);
        if (!entry) return nothing;
        const { uuid, type: typeCode, label } = entry;
        return { uuid, typeCode, ...(label !== undefined && { label }) };
      },
    };
  }
  if (type === 'mac') return { id: async () => undefined, entry: macEntry(bytes) };
  if (type === 'atari') return { id: async () => undefined, entry: atariEntry(bytes) };
  if (type !== 'dos') return { id: async () => undefined, entry: async () => nothing };
  const id = async () => {
    const signature = (await fieldsAt(bytes, 440, 4)).u32(0);
    return signature === 0 ? undefined : signature.toString(16).padStart(8, '0');
  };
  return {
    id,
    async entry(number, startSector) {
      const signature = await id();
      const code = (await dosTypes(bytes, unit)).get(startSector);
      return {
        // block/partitions/msdos.c: set_info; slices of other tables inside have none
        uuid: signature && code !== undefined ? `${signature}-${byteText(number)}` : undefined,
        typeCode: code === undefined ? undefined : `0x${byteText(code)}`,
      };
    },
  };
}

/** block/partitions/atari.h: struct rootsector; an id of three letters is the type. Those of XGM partitions are further on. */
const atariEntry =
  (bytes: VolumeBytes) =>
  async (_number: number, startSector: number): Promise<PartitionEntry> => {
    const table = await fieldsAt(bytes, 0, SECTOR, false);
    const row = [0x1c6, 0x1d2, 0x1de, 0x1ea].find((at) => table.u32(at + 4) === startSector);
    return row === undefined ? nothing : { uuid: undefined, typeCode: table.ascii(row + 1, 3) };
  };

/** block/partitions/mac.h: struct mac_driver_desc's block size, then a struct mac_partition in each block. */
const macEntry =
  (bytes: VolumeBytes) =>
  async (number: number): Promise<PartitionEntry> => {
    const blockBytes = (await fieldsAt(bytes, 2, 2, false)).u16(0);
    const entry = await fieldsAt(bytes, number * blockBytes, SECTOR, false);
    if (entry.ascii(0, 2) !== 'PM') return nothing;
    const text = (at: number) => entry.ascii(at, 32).replace(/\0.*$/s, '').trim();
    const label = text(16);
    return { uuid: undefined, typeCode: text(48) || undefined, ...(label !== '' && { label }) };
  };

const EXTENDED = [0x05, 0x0f, 0x85];
const MAX_LOGICAL = 256;

/** Type codes by the sector where the partition begins, logical ones included. */
async function dosTypes(bytes: VolumeBytes, unit: number): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  const scale = unit / SECTOR;
  const entries = (table: Fields) =>
    [446, 462, 478, 494].map((at) => ({ type: table.u8(at + 4), start: table.u32(at + 8), size: table.u32(at + 12) }));
  const first = entries(await fieldsAt(bytes, 0, SECTOR));
  for (const { type, start, size } of first) if (size > 0) found.set(start * scale, type);
  const extended = first.find(({ type, size }) => EXTENDED.includes(type) && size > 0);
  if (extended === undefined) return found;
  let at = extended.start;
  for (let count = 0; count < MAX_LOGICAL; count += 1) {
    const table = await fieldsAt(bytes, at * unit, SECTOR);
    if (table.u8(510) !== 0x55 || table.u8(511) !== 0xaa) break;
    const rows = entries(table).filter(({ size }) => size > 0);
    for (const { type, start } of rows) if (!EXTENDED.includes(type)) found.set((at + start) * scale, type);
    const next = rows.find(({ type }) => EXTENDED.includes(type));
    if (next === undefined || extended.start + next.start === at) break;
    at = extended.start + next.start;
  }
  return found;
}
