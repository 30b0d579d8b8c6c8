/** Header and descriptor of a new VMDK of one sparse extent (VMware Virtual Disk Format 5.0). */

import { StorageError } from '../../../errors.ts';
import { SECTOR } from '../descriptor.ts';

/** Bytes, and entries of a table of them. */
export const GRAIN = 65_536;
export const GRAIN_SECTORS = GRAIN / SECTOR;
export const TABLE_ENTRIES = 512;
export const TABLE_BYTES = 4 * TABLE_ENTRIES;

/** Of the file, in sectors: entries have 32 bits. */
export const MAX_SECTORS = 2 ** 32 - 1;

/** QEMU reads no larger directory: 1 PiB. */
const MAX_TABLES = 2 ** 25;

const DESCRIPTOR_SECTORS = 20;
/** Where tables or grains may begin. */
export const AFTER_DESCRIPTOR = 1 + DESCRIPTOR_SECTORS;

export const AT_END = 2n ** 64n - 1n;
const NEWLINES = 1;
const REDUNDANT_TABLES = 1 << 1;
const COMPRESSED = 1 << 16;
const MARKERS = 1 << 17;
const DEFLATE = 1;

export interface VmdkHeader {
  readonly sectors: number;
  readonly isStream: boolean;
  /** In sectors: of the directory, of its copy (0: there is none), of all before the grains. */
  readonly directoryAt: bigint;
  readonly copyAt: bigint;
  readonly overhead: number;
}

/** Its 512 bytes. */
export function encodeHeader({ sectors, isStream, directoryAt, copyAt, overhead }: VmdkHeader): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('KDMV'));
  view.setUint32(4, isStream ? 3 : 1, true);
  view.setUint32(8, NEWLINES | (isStream ? COMPRESSED | MARKERS : REDUNDANT_TABLES), true);
  view.setBigUint64(12, BigInt(sectors), true);
  view.setBigUint64(20, BigInt(GRAIN_SECTORS), true);
  view.setBigUint64(28, 1n, true);
  view.setBigUint64(36, BigInt(DESCRIPTOR_SECTORS), true);
  view.setUint32(44, TABLE_ENTRIES, true);
  view.setBigUint64(48, copyAt, true);
  view.setBigUint64(56, directoryAt, true);
  view.setBigUint64(64, BigInt(overhead), true);
  // What a transfer as text would change.
  bytes.set(new TextEncoder().encode('\n \r\n'), 73);
  view.setUint16(77, isStream ? DEFLATE : 0, true);
  return bytes;
}

/** As a disk controller of SCSI has it. */
const [HEADS, TRACK] = [255, 63];

/** All of its sectors. The same disk gives the same bytes: its id says nothing. */
export function encodeDescriptor({ sectors, isStream }: VmdkHeader): Uint8Array {
  const cylinders = Math.max(1, Math.min(65_535, Math.floor(sectors / (HEADS * TRACK))));
  const text = `# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="${isStream ? 'streamOptimized' : 'monolithicSparse'}"

# Extent description
RW ${sectors} SPARSE "disk.vmdk"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "${cylinders}"
ddb.geometry.heads = "${HEADS}"
ddb.geometry.sectors = "${TRACK}"
ddb.adapterType = "lsilogic"
`;
  const bytes = new Uint8Array(DESCRIPTOR_SECTORS * SECTOR);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
}

export const sectorsOf = (bytes: number): number => Math.ceil(bytes / SECTOR);
export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Of a disk, in its directory. Throws a StorageError where they are too many. */
export function tablesOf(sectors: number): number {
  const tables = Math.ceil(sectors / (GRAIN_SECTORS * TABLE_ENTRIES));
  if (tables > MAX_TABLES) throw new StorageError('EOPNOTSUPP', 'a VMDK has at most 1 PiB: raw has room for more');
  return tables;
}

/** Entries of a table as they are in a file. */
export function littleEndian(entries: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * entries.length);
  const view = new DataView(bytes.buffer);
  for (const [index, entry] of entries.entries()) view.setUint32(4 * index, entry, true);
  return bytes;
}

export const tooLarge = (): StorageError =>
  new StorageError('EOPNOTSUPP', 'a VMDK has at most 2 TiB of data: qcow2, VHDX and raw have room for more');
