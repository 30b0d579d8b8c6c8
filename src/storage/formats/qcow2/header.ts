/** The header of a qcow2 file and its snapshots, after QEMU's docs/interop/qcow2.txt. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { FormatContext } from '../format.ts';
import { big64, readBytes, viewOf } from '../parts/table.ts';

export const QCOW2 = 'qcow2';

/** "QFI\xfb" */
export const MAGIC = 0x514649fb;

/** A cluster with an extended L2 entry has so many subclusters. */
export const SUBCLUSTERS = 32;
/** Of an L2 table. */
export const entryBytesOf = ({ extendedL2 }: Pick<Header, 'extendedL2'>): number => (extendedL2 ? 16 : 8);

/** Where a state of the disk has its tables. */
export interface Active {
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly sizeBytes: number;
}

export interface Snapshot extends Active {
  readonly id: string;
  readonly name: string;
}

export interface Header extends Active {
  readonly version: number;
  readonly clusterBits: number;
  readonly backing: { readonly name: string; readonly format: string | undefined } | undefined;
  /** The name of the file that has the data, where this one has not. */
  readonly dataFile: string | undefined;
  readonly compression: 'zlib' | 'zstd';
  /** L2 entries of 16 bytes, with a bitmap of subclusters. */
  readonly extendedL2: boolean;
  readonly snapshots: { readonly count: number; readonly offset: number };
  readonly refcounts: { readonly offset: number; readonly clusters: number; readonly bits: number };
  /** Some program may not have finished to count references, or has found that they are wrong. */
  readonly isDirty: boolean;
  readonly isCorrupt: boolean;
  /** Which areas have changed since when (for backups) is kept in it. */
  readonly hasBitmaps: boolean;
  /** There are marks that whoever writes it and does not know them takes away. */
  readonly autoclear: boolean;
}

const MAX_OFFSET = 2 ** 56;
const V2_BYTES = 72;
const V3_BYTES = 104;
/** QEMU's limits: QCOW_MAX_SNAPSHOTS, and 1023 bytes of backing file name. */
const MAX_SNAPSHOTS = 65_536;
const MAX_NAME_BYTES = 1023;

/** Bits of incompatible_features. */
const DIRTY = 1 << 0;
const CORRUPT = 1 << 1;
const EXTERNAL_DATA = 1 << 2;
const COMPRESSION_TYPE = 1 << 3;
const EXTENDED_L2 = 1 << 4;
/** Dirty refcounts and the corrupt mark do not keep from reading. */
const KNOWN = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION_TYPE | EXTENDED_L2;

/** Of autoclear_features. */
const BITMAPS = 1 << 0;

/** Header extensions. */
const BACKING_FORMAT = 0xe2792aca;
const DATA_FILE = 0x44415441;

const unsupported = (why: string) => new FormatError(QCOW2, why, { code: 'EOPNOTSUPP' });
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\0.*$/s, '');

export async function readHeader(source: ByteSource): Promise<Header> {
  const head = viewOf(await readBytes(QCOW2, source, 0, V2_BYTES));
  const version = head.getUint32(4);
  if (version !== 2 && version !== 3) throw unsupported(`version ${version} is not read here`);
  const clusterBits = head.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) throw new FormatError(QCOW2, `clusters of 2^${clusterBits} bytes`);
  const crypt = head.getUint32(32);
  if (crypt !== 0) throw unsupported(`it is encrypted (${crypt === 1 ? 'AES' : crypt === 2 ? 'LUKS' : crypt})`);

  const v3 = version === 3 ? viewOf(await readBytes(QCOW2, source, 0, V3_BYTES)) : undefined;
  const features = v3?.getUint32(76) ?? 0;
  if (v3 && (v3.getUint32(72) !== 0 || (features & ~KNOWN) !== 0)) {
    throw unsupported(`it uses features that are not known here (0x${((features & ~KNOWN) >>> 0).toString(16)})`);
  }
  const headerBytes = v3?.getUint32(100) ?? V2_BYTES;
  const clusterBytes = 2 ** clusterBits;
  if (headerBytes < V2_BYTES || headerBytes > clusterBytes || (v3 && headerBytes < V3_BYTES)) {
    throw new FormatError(QCOW2, `a header of ${headerBytes} bytes`);
  }
  const extended = headerBytes > V3_BYTES ? (await readBytes(QCOW2, source, V3_BYTES, 1))[0] : 0;
  const compressionType = features & COMPRESSION_TYPE ? extended : 0;
  if (compressionType !== 0 && compressionType !== 1) throw unsupported(`compression of type ${compressionType}`);

  const header = {
    version,
    clusterBits,
    sizeBytes: big64(head, 24),
    l1Entries: head.getUint32(36),
    l1Offset: big64(head, 40),
    compression: compressionType === 1 ? 'zstd' : 'zlib',
    extendedL2: (features & EXTENDED_L2) !== 0,
    snapshots: { count: head.getUint32(60), offset: big64(head, 64) },
    refcounts: { offset: big64(head, 48), clusters: head.getUint32(56), bits: 2 ** (v3?.getUint32(96) ?? 4) },
    isDirty: (features & DIRTY) !== 0,
    isCorrupt: (features & CORRUPT) !== 0,
    hasBitmaps: ((v3?.getUint32(92) ?? 0) & BITMAPS) !== 0,
    autoclear: v3 !== undefined && (v3.getUint32(88) !== 0 || v3.getUint32(92) !== 0),
  } as const;
  if (!(header.refcounts.bits <= 64)) throw new FormatError(QCOW2, 'reference counts of more than 64 bits');
  const places = {
    'first table': header.l1Offset,
    'table of reference counts': header.refcounts.offset,
    'table of snapshots': header.snapshots.count === 0 ? 0 : header.snapshots.offset,
  };
  for (const [what, at] of Object.entries(places)) {
    // Bits above are no part of an offset anywhere in the format.
    if (at >= MAX_OFFSET) throw new FormatError(QCOW2, `its ${what} is said to be where no file has anything`);
  }
  if (header.snapshots.count > MAX_SNAPSHOTS) throw new FormatError(QCOW2, `${header.snapshots.count} snapshots`);
  if (header.extendedL2 && clusterBits < 14) throw new FormatError(QCOW2, 'subclusters in clusters below 16 KiB');
  checkTables(header, header);

  const backingOffset = big64(head, 8);
  const extensions = await readExtensions(source, headerBytes, backingOffset || clusterBytes);
  return {
    ...header,
    backing: backingOffset === 0 ? undefined : await readBacking(source, head, backingOffset, extensions),
    dataFile: features & EXTERNAL_DATA ? (extensions.get(DATA_FILE) ?? '') : undefined,
  };
}

/** That the first table reaches as far as the disk. */
export function checkTables(
  header: Pick<Header, 'clusterBits' | 'extendedL2'>,
  { l1Offset, l1Entries, sizeBytes }: Active,
): void {
  const clusterBytes = 2 ** header.clusterBits;
  const l2Entries = clusterBytes / entryBytesOf(header);
  if (!Number.isSafeInteger(sizeBytes)) throw new FormatError(QCOW2, `a disk of ${sizeBytes} bytes`);
  if (l1Offset % clusterBytes !== 0) throw new FormatError(QCOW2, 'its first table is not aligned to a cluster');
  if (Math.ceil(sizeBytes / clusterBytes / l2Entries) > l1Entries) {
    throw new FormatError(QCOW2, `its first table has ${l1Entries} entries, too few for ${sizeBytes} bytes`);
  }
}

async function readBacking(
  source: ByteSource,
  head: DataView,
  offset: number,
  extensions: ReadonlyMap<number, string>,
) {
  const bytes = head.getUint32(16);
  if (bytes > MAX_NAME_BYTES) throw new FormatError(QCOW2, `a backing file name of ${bytes} bytes`);
  const name = new TextDecoder().decode(await readBytes(QCOW2, source, offset, bytes));
  return name === '' ? undefined : { name: fileIn(name), format: extensions.get(BACKING_FORMAT) };
}

/** QEMU's `file:NAME` and `json:{…}` (block/qapi.json), in which a driver is around another until one is a file's. */
function fileIn(name: string): string {
  if (name.startsWith('file:')) return name.slice('file:'.length);
  if (!name.startsWith('json:')) return name;
  try {
    let node: unknown = JSON.parse(name.slice('json:'.length));
    while (typeof node === 'object' && node !== null) {
      const { filename, file, 'file.filename': inner }: Record<string, unknown> = { ...node };
      for (const found of [filename, inner]) if (typeof found === 'string') return fileIn(found);
      node = file;
    }
  } catch {
    // As it is, no file is called so: that is told with the name.
  }
  return name;
}

/** The texts among the extensions; they end where the backing file's name or the first cluster does. */
async function readExtensions(source: ByteSource, from: number, end: number): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (let at = from; at + 8 <= Math.min(end, source.sizeBytes); ) {
    const head = viewOf(await readBytes(QCOW2, source, at, 8));
    const [type, bytes] = [head.getUint32(0), head.getUint32(4)];
    if (type === 0) break;
    at += 8;
    if (at + bytes > end) throw new FormatError(QCOW2, 'a header extension is longer than the header');
    if ((type === BACKING_FORMAT || type === DATA_FILE) && bytes <= MAX_NAME_BYTES) {
      found.set(type, text(await readBytes(QCOW2, source, at, bytes)));
    }
    at += Math.ceil(bytes / 8) * 8;
  }
  return found;
}

const SNAPSHOT_BYTES = 40;
const MAX_EXTRA_BYTES = 1024;

export async function readSnapshots(
  source: ByteSource,
  header: Header,
  context: Pick<FormatContext, 'mustFit'>,
): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = [];
  let at = header.snapshots.offset;
  for (let number = 0; number < header.snapshots.count; number += 1) {
    const entry = viewOf(await readBytes(QCOW2, source, at, SNAPSHOT_BYTES));
    const [idBytes, nameBytes, extraBytes] = [entry.getUint16(12), entry.getUint16(14), entry.getUint32(36)];
    if (extraBytes > MAX_EXTRA_BYTES) throw new FormatError(QCOW2, `a snapshot with ${extraBytes} bytes of extra data`);
    const rest = await readBytes(QCOW2, source, at + SNAPSHOT_BYTES, extraBytes + idBytes + nameBytes);
    snapshots.push({
      l1Offset: big64(entry, 0),
      l1Entries: entry.getUint32(8),
      sizeBytes: extraBytes >= 16 ? big64(viewOf(rest), 8) : header.sizeBytes,
      id: text(rest.subarray(extraBytes, extraBytes + idBytes)),
      name: text(rest.subarray(extraBytes + idBytes)),
    });
    at += Math.ceil((SNAPSHOT_BYTES + extraBytes + idBytes + nameBytes) / 8) * 8;
    context.mustFit(QCOW2, 'a table of snapshots', at - header.snapshots.offset);
  }
  return snapshots;
}
