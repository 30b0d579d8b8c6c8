/** Android's `super` partition: logical partitions as lists of extents (AOSP, system/core/fs_mgr/liblp). */

import { type ByteSource, window } from '../../byte-source.ts';
import { ChoiceError, FormatError } from '../../errors.ts';
import type { Choice, Format } from '../format.ts';
import { windowOfCut } from '../parts/cut.ts';
import { joined } from '../parts/joined.ts';
import { little64, readBytes, viewOf } from '../parts/table.ts';

const SUPER = 'android-super';
const GEOMETRY_AT = [4096, 8192];
const GEOMETRY_BYTES = 4096;
const GEOMETRY_MAGIC = 0x616c4467;
const METADATA_AT = 12_288;
const METADATA_MAGIC = 0x414c5030;
const SECTOR = 512;
const MAX_METADATA_BYTES = 2 ** 22;

export const androidSuper: Format = {
  name: SUPER,
  matches: ({ head }) =>
    head.length > METADATA_AT + 4 &&
    GEOMETRY_AT.some((at) => viewOf(head).getUint32(at, true) === GEOMETRY_MAGIC) &&
    viewOf(head).getUint32(METADATA_AT, true) === METADATA_MAGIC,
  async open(source, { member }) {
    const { metadataBytes, slots } = await readGeometry(source);
    const tables = await readMetadata(source, metadataBytes, slots);
    const partitions = tables.partitions.filter(({ extents }) => extents.length > 0);
    const choices = partitions.map(({ name, extents }): Choice => {
      return { kind: 'member', name, sizeBytes: extents.reduce((sum, { sectors }) => sum + sectors * SECTOR, 0) };
    });
    const names = partitions.map(({ name }) => name);
    const found = partitions.filter(({ name }) => member === undefined || name === member);
    const [only] = found;
    if (only === undefined || found.length > 1) {
      const problem = member === undefined ? 'name one' : `there is no ${JSON.stringify(member)}`;
      const list = names.length > 0 ? names.join(', ') : 'none';
      throw new ChoiceError('member', `android-super: its logical partitions are ${list}: ${problem}`, names);
    }
    let claimedBytes = 0;
    const parts = only.extents.map(({ sectors, at }) => {
      const bytes = sectors * SECTOR;
      if (at === undefined) return bytes;
      if (at + bytes <= source.sizeBytes) return window(source, at, bytes);
      claimedBytes = Math.max(claimedBytes, at + bytes);
      return windowOfCut(source, at, bytes);
    });
    return { content: joined(SUPER, parts), note: only.name, choices, claimedBytes };
  },
};

async function isSound(bytes: Uint8Array<ArrayBuffer>, sum: Uint8Array): Promise<boolean> {
  const found = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return found.every((byte, at) => byte === sum[at]);
}

async function readGeometry(source: ByteSource): Promise<{ readonly metadataBytes: number; readonly slots: number }> {
  for (const at of GEOMETRY_AT) {
    const bytes = await readBytes(SUPER, source, at, GEOMETRY_BYTES);
    const view = viewOf(bytes);
    const length = view.getUint32(4, true);
    if (view.getUint32(0, true) !== GEOMETRY_MAGIC || length < 52 || length > GEOMETRY_BYTES) continue;
    const sum = bytes.slice(8, 40);
    if (!(await isSound(bytes.slice(0, length).fill(0, 8, 40), sum))) continue;
    const [metadataBytes, slots] = [view.getUint32(40, true), view.getUint32(44, true)];
    if (metadataBytes > MAX_METADATA_BYTES || slots > 1024) throw new FormatError(SUPER, 'its geometry is damaged');
    return { metadataBytes, slots };
  }
  throw new FormatError(SUPER, 'an Android super partition whose geometry is damaged');
}

interface Partition {
  readonly name: string;
  /** `at` is undefined for zeros. */
  readonly extents: readonly { readonly sectors: number; readonly at: number | undefined }[];
}

/** Of the first slot, as the boot loader takes it for slot a; its copy where it is damaged. */
async function readMetadata(source: ByteSource, metadataBytes: number, slots: number) {
  for (const at of [METADATA_AT, METADATA_AT + slots * metadataBytes]) {
    const length = Math.min(metadataBytes, Math.max(0, source.sizeBytes - at));
    const found = await parseMetadata(await readBytes(SUPER, source, Math.min(at, source.sizeBytes), length));
    if (found !== undefined) return found;
  }
  throw new FormatError(SUPER, 'an Android super partition whose metadata is damaged');
}

interface Table {
  readonly at: number;
  readonly count: number;
  readonly bytes: number;
}

async function parseMetadata(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ readonly partitions: readonly Partition[] } | undefined> {
  if (bytes.length < 128) return undefined;
  const view = viewOf(bytes);
  const headerBytes = view.getUint32(8, true);
  const tablesBytes = view.getUint32(44, true);
  if (view.getUint32(0, true) !== METADATA_MAGIC || headerBytes < 128) return undefined;
  if (headerBytes + tablesBytes > bytes.length) return undefined;
  if (view.getUint16(4, true) !== 10) {
    throw new FormatError(SUPER, `version ${view.getUint16(4, true)} is not read here`, { code: 'EOPNOTSUPP' });
  }
  const header = bytes.slice(0, headerBytes).fill(0, 12, 44);
  const body = bytes.slice(headerBytes, headerBytes + tablesBytes);
  if (!(await isSound(header, bytes.slice(12, 44))) || !(await isSound(body, bytes.slice(48, 80)))) return undefined;

  const table = (at: number, leastBytes: number): Table => {
    const found = {
      at: view.getUint32(at, true),
      count: view.getUint32(at + 4, true),
      bytes: view.getUint32(at + 8, true),
    };
    if (found.bytes < leastBytes || found.at + found.count * found.bytes > body.length) {
      throw new FormatError(SUPER, 'a table of its metadata is damaged');
    }
    return found;
  };
  return parsePartitions(viewOf(body), body, table(80, 52), table(92, 24));
}

/** LP_TARGET_TYPE_LINEAR; the other one there is is zeros. */
const LINEAR = 0;

function parsePartitions(view: DataView, body: Uint8Array, partitions: Table, extents: Table) {
  const extent = (index: number) => {
    if (index >= extents.count) throw new FormatError(SUPER, 'a partition has more than there is');
    const at = extents.at + index * extents.bytes;
    const [sectors, type, sector, device] = [
      little64(view, at),
      view.getUint32(at + 8, true),
      little64(view, at + 12),
      view.getUint32(at + 20, true),
    ];
    if (type === LINEAR && device !== 0) {
      throw new FormatError(SUPER, 'it lies on several devices', { code: 'EOPNOTSUPP' });
    }
    if (!Number.isSafeInteger(sectors * SECTOR)) throw new FormatError(SUPER, `an extent of ${sectors} sectors`);
    return { sectors, at: type === LINEAR ? sector * SECTOR : undefined };
  };
  let used = 0;
  const list = Array.from({ length: partitions.count }, (_, index): Partition => {
    const at = partitions.at + index * partitions.bytes;
    const first = view.getUint32(at + 40, true);
    const count = view.getUint32(at + 44, true);
    used += count;
    if (used > extents.count) throw new FormatError(SUPER, 'its partitions have more than there is');
    return {
      name: new TextDecoder().decode(body.subarray(at, at + 36)).replace(/\0.*$/s, ''),
      extents: Array.from({ length: count }, (__, number) => extent(first + number)),
    };
  });
  return { partitions: list };
}
