/** The GUID partition table (UEFI 2.10, chapter 5): where it is, whether it is whole, and its mending. */

import { SECTOR } from '../../../storage/block-device.ts';
import { gptAlternate } from '../../../storage/superblock-sizes.ts';
import { crc32 } from '../crc.ts';
import { Fields } from '../fields.ts';
import type { Patch } from '../patch.ts';
import type { VolumeBytes } from '../volume-bytes.ts';

export interface Gpt {
  /** The unit its numbers count. */
  readonly blockBytes: number;
  /** Which of the two was read. */
  readonly copy: 'primary' | 'backup';
  readonly header: Uint8Array;
  /** The disk's GUID. */
  readonly id: string;
  /** Bytes of the disk it was made for. */
  readonly diskBytes: number;
  readonly entriesAt: number;
  readonly entries: number;
  readonly entryBytes: number;
}

const SIGNATURE = 'EFI PART';
const HEADER_BYTES = 92;
/** Of the blocks that a disk may count in: hard disks and flash, magneto-optical and optical ones, disks of 4 KiB. */
const UNITS = [512, 2048, 4096];
const MAX_ENTRIES_BYTES = 1 << 20;

/** A GUID as text: its first three fields are little-endian. */
export function guidText(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  const digits = order.map((i) => (bytes[i] ?? 0).toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The header in block `lba`, if it says that it lies there, and its sum and that of its entries are right. */
async function headerAt(
  volume: VolumeBytes,
  blockBytes: number,
  lba: number,
  copy: Gpt['copy'],
): Promise<Gpt | undefined> {
  const bytes = (await volume.read(lba * blockBytes, blockBytes)).slice();
  const header = new Fields(bytes);
  const length = header.u32(12);
  if (header.ascii(0, 8) !== SIGNATURE || length < HEADER_BYTES || length > blockBytes) return undefined;
  if (header.u64(24) !== lba) return undefined;
  const summed = bytes.slice(0, length).fill(0, 16, 20);
  if (crc32(summed) !== header.u32(16)) return undefined;
  const alternate = gptAlternate(header);
  const entriesBytes = header.u32(80) * header.u32(84);
  if (entriesBytes > MAX_ENTRIES_BYTES) return undefined;
  if (crc32(await volume.read(header.u64(72) * blockBytes, entriesBytes)) !== header.u32(88)) return undefined;
  return {
    blockBytes,
    copy,
    header: bytes,
    id: guidText(header.slice(56, 16)),
    diskBytes: (Math.max(lba, alternate, header.u64(48)) + 1) * blockBytes,
    entriesAt: header.u64(72) * blockBytes,
    entries: header.u32(80),
    entryBytes: header.u32(84),
  };
}

/** The table at the beginning. */
export async function primaryGpt(volume: VolumeBytes): Promise<Gpt | undefined> {
  for (const blockBytes of UNITS) {
    const primary = await headerAt(volume, blockBytes, 1, 'primary');
    if (primary) return primary;
  }
  return undefined;
}

/** The backup in the last block, or where a damaged primary says that it is. */
export async function backupGpt(volume: VolumeBytes): Promise<Gpt | undefined> {
  for (const blockBytes of UNITS) {
    const last = Math.floor(volume.sizeBytes / blockBytes) - 1;
    const damaged = new Fields(await volume.read(blockBytes, 64));
    const alternate = damaged.ascii(0, 8) === SIGNATURE ? gptAlternate(damaged) : last;
    for (const lba of new Set([last, alternate])) {
      if (!(lba > 1) || (lba + 1) * blockBytes > volume.sizeBytes) continue;
      const backup = await headerAt(volume, blockBytes, lba, 'backup');
      if (backup) return backup;
    }
  }
  return undefined;
}

/** block/partitions/efi.h: a partition of type 0xee from block 1 on. */
const PROTECTIVE = 0xee;
export const isProtective = (sector: Uint8Array): boolean =>
  sector[510] === 0x55 &&
  sector[511] === 0xaa &&
  [446, 462, 478, 494].some((at) => sector[at + 4] === PROTECTIVE && sector[at + 8] === 1);

/** Why neither table can be used, where something says that there is one; undefined where nothing does. */
export async function whyNoGpt(volume: VolumeBytes): Promise<string | undefined> {
  if (await primaryGpt(volume)) return undefined;
  for (const blockBytes of UNITS) {
    const header = new Fields((await volume.read(blockBytes, blockBytes)).slice());
    const length = header.u32(12);
    if (header.ascii(0, 8) !== SIGNATURE) continue;
    const summed = header.bytes.slice(0, Math.min(length, blockBytes)).fill(0, 16, 20);
    const what =
      header.u64(24) !== 1
        ? 'says that it belongs elsewhere'
        : length < HEADER_BYTES || length > blockBytes || crc32(summed) !== header.u32(16)
          ? 'has a wrong checksum'
          : 'has entries whose checksum is wrong';
    return `its GPT's header ${what}, and there is no backup of it that is whole`;
  }
  if (!isProtective(await volume.read(0, SECTOR))) return undefined;
  return 'it has a protective MBR, and no header of a GPT, neither behind that nor at the end: the partition table is lost';
}

/**
 * What Linux takes a table for only with `gpt` on its command line, made so that it takes it without: the protective
 * MBR where there is none, the primary table from the backup. Only where no DOS partition table would be lost.
 */
export async function mendGpt(volume: VolumeBytes, gpt: Gpt): Promise<readonly Patch[]> {
  const patches: Patch[] = [];
  const first = await volume.read(0, SECTOR);
  if (isOverruled(first)) return [];
  if (!isProtective(first)) patches.push({ at: 446, bytes: protectiveEntries() });
  if (gpt.copy === 'backup') {
    patches.push({ at: 2 * gpt.blockBytes, bytes: await volume.read(gpt.entriesAt, gpt.entries * gpt.entryBytes) });
    patches.push({ at: gpt.blockBytes, bytes: asPrimary(gpt) });
  }
  return patches;
}

/** Linux takes a DOS table with partitions of its own: a GPT beside it is older, or a disc's for other firmware. */
export const isOverruled = (first: Uint8Array): boolean =>
  !isProtective(first) && first[510] === 0x55 && first[511] === 0xaa && hasPartitions(first);

/** Of its own: one that begins in block 1, where the GPT is, is a protective one of which something is wrong. */
function hasPartitions(bytes: Uint8Array): boolean {
  const sector = new Fields(bytes);
  return [446, 462, 478, 494].some(
    (at) => sector.u8(at) % 0x80 === 0 && sector.u8(at + 4) !== 0 && sector.u32(at + 8) > 1,
  );
}

function protectiveEntries(): Uint8Array {
  const bytes = new Uint8Array(66);
  const data = new DataView(bytes.buffer);
  bytes.set([0, 0, 2, 0, PROTECTIVE, 0xff, 0xff, 0xff]);
  data.setUint32(8, 1, true);
  data.setUint32(12, 0xffff_ffff, true);
  bytes.set([0x55, 0xaa], 64);
  return bytes;
}

/** The backup's header as it would be in block 1. */
function asPrimary({ header, blockBytes }: Gpt): Uint8Array {
  const bytes = header.slice();
  const data = new DataView(bytes.buffer);
  const own = data.getBigUint64(24, true);
  data.setBigUint64(24, 1n, true);
  data.setBigUint64(32, own, true);
  data.setBigUint64(72, 2n, true);
  data.setUint32(16, 0, true);
  data.setUint32(16, crc32(bytes.subarray(0, data.getUint32(12, true))), true);
  return bytes.subarray(0, blockBytes);
}

export interface GptEntry {
  readonly type: string;
  readonly uuid: string;
  /** All of it: Linux knows the low seven bits of its characters. */
  readonly label: string | undefined;
}

const ENTRY_BYTES = 128;

/** Entry `number`, from 1; undefined where it is unused. */
export async function gptEntry(volume: VolumeBytes, gpt: Gpt, number: number): Promise<GptEntry | undefined> {
  if (number > gpt.entries) return undefined;
  const entry = await volume.read(gpt.entriesAt + (number - 1) * gpt.entryBytes, ENTRY_BYTES);
  const [type, uuid] = [entry.subarray(0, 16), entry.subarray(16, 32)];
  if ([...type, ...uuid].every((byte) => byte === 0)) return undefined;
  const label = new TextDecoder('utf-16le').decode(entry.subarray(56)).replace(/\0.*$/s, '');
  return { type: guidText(type), uuid: guidText(uuid), label: label === '' ? undefined : label };
}
