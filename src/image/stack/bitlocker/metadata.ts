/** Reads what a BitLocker volume says of itself (libyal's "BitLocker Drive Encryption (BDE) format specification"). */

import { toHex } from '../../../bytes/hex.ts';
import { Fields, fieldsAt } from '../../probe/fields.ts';
import type { VolumeBytes } from '../../probe/volume-bytes.ts';
import { MetadataError } from '../bad-stack.ts';

/** One value of the metadata, whose data may have others in it. */
export interface BdeEntry {
  readonly type: number;
  readonly value: number;
  readonly data: Fields;
}

export interface BitLocker {
  readonly uuid: string;
  readonly method: number;
  readonly sectorBytes: number;
  /** Where the volume's own first sectors are kept, encrypted as there. */
  readonly head: { readonly offsetBytes: number; readonly sizeBytes: number };
  /** Where the three copies of the metadata are. */
  readonly copies: readonly number[];
  readonly entries: readonly BdeEntry[];
}

export const VALUE = {
  key: 1,
  text: 2,
  stretched: 3,
  usesKey: 4,
  encrypted: 5,
  masterKey: 8,
  externalKey: 9,
  place: 15,
} as const;
export const TYPE = { masterKey: 2, volumeKey: 3, head: 15 } as const;

const SIGNATURE = '-FVE-FS-';
const GUID = '3bd66749292ed84a8399f6a339e3d001';
/** Encrypted on write, and not all of it yet. */
const GUID_ON_WRITE = '3b4da89280dd0e4d9e4eb1e3284eaed8';
const BLOCK_HEADER_BYTES = 64;
const HEADER_BYTES = 48;
const ENTRY_BYTES = 8;
/** What each copy of the metadata takes. */
export const COPY_BYTES = 65_536;

/** As Windows writes GUIDs: the first three fields are little-endian. */
export function guidText(bytes: Uint8Array): string {
  const part = (from: number, to: number) => toHex(bytes.slice(from, to).reverse());
  return `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}-${toHex(bytes.slice(8, 10))}-${toHex(bytes.slice(10, 16))}`;
}

export async function bitLocker(bytes: VolumeBytes): Promise<BitLocker> {
  const boot = await fieldsAt(bytes, 0, 512);
  // Of BitLocker To Go the GUID is further behind.
  const at = boot.ascii(3, 8) === SIGNATURE ? 160 : 424;
  const guid = toHex(boot.slice(at, 16));
  if (guid === GUID_ON_WRITE)
    throw new MetadataError('it was being encrypted when the image was made: let Windows finish that');
  if (guid !== GUID) throw new MetadataError('it is of a version that is not read here (Windows Vista)');
  const copies = [0, 8, 16].map((more) => boot.u64(at + 16 + more));
  let damage: MetadataError | undefined;
  for (const copy of copies) {
    try {
      return { ...(await copyAt(bytes, copy)), copies, sectorBytes: boot.u16(11) };
    } catch (cause) {
      if (!(cause instanceof MetadataError)) throw cause;
      damage ??= cause;
    }
  }
  throw damage;
}

async function copyAt(bytes: VolumeBytes, at: number): Promise<Omit<BitLocker, 'copies' | 'sectorBytes'>> {
  if (at === 0 || at % 512 !== 0 || at + COPY_BYTES > bytes.sizeBytes)
    throw new MetadataError('its metadata is said to lie where it cannot');
  const block = await fieldsAt(bytes, at, COPY_BYTES);
  if (block.ascii(0, 8) !== SIGNATURE || block.u16(10) !== 2)
    throw new MetadataError('all copies of its metadata are damaged');
  const size = block.u32(BLOCK_HEADER_BYTES);
  if (size < HEADER_BYTES || BLOCK_HEADER_BYTES + size > COPY_BYTES)
    throw new MetadataError('its metadata has a size that cannot be');
  const header = new Fields(block.slice(BLOCK_HEADER_BYTES, size));
  const entries = entriesIn(new Fields(header.slice(HEADER_BYTES, size - HEADER_BYTES)));
  const head = entries.find(({ type, value }) => type === TYPE.head && value === VALUE.place);
  if (head === undefined || head.data.bytes.length < 16)
    throw new MetadataError('it does not say where its first sectors are');
  return {
    uuid: guidText(header.slice(16, 16)),
    method: header.u16(36),
    head: { offsetBytes: head.data.u64(0), sizeBytes: head.data.u64(8) },
    entries,
  };
}

/** One after another, up to one that cannot be. */
export function entriesIn({ bytes }: Fields): readonly BdeEntry[] {
  const entries: BdeEntry[] = [];
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; ) {
    const entry = new Fields(bytes.subarray(at));
    const size = entry.u16(0);
    if (size < ENTRY_BYTES || at + size > bytes.length) break;
    entries.push({
      type: entry.u16(2),
      value: entry.u16(4),
      data: new Fields(bytes.subarray(at + ENTRY_BYTES, at + size)),
    });
    at += size;
  }
  return entries;
}
