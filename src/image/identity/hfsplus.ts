/** The label and the id of HFS and HFS+: the name of the root directory in the catalog, eight bytes of Finder's. */

import type { Fields } from '../probe/fields.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import { md5 } from './md5.ts';
import { type Fact, fieldsAt, filled, uuidText } from './signature.ts';

const HEADER = 1024;

/** Where HFS+ begins: at 0, or inside of the HFS volume around it (fs/hfsplus/wrapper.c). */
async function beginning(volume: VolumeBytes): Promise<number> {
  const mdb = await fieldsAt(volume, HEADER, 162, false);
  if (mdb.ascii(0, 2) !== 'BD' || mdb.ascii(124, 2) !== 'H+') return 0;
  return mdb.u16(28) * 512 + mdb.u16(126) * mdb.u32(20);
}

/** fs/hfsplus/hfsplus_raw.h: cat_file of struct hfsplus_vh. */
const CATALOG = 272;
const EXTENTS = 8;
/** HFSPLUS_POR_CNID */
const ROOT_PARENT = 1;

/** The first record of the catalog's first leaf is the root directory; its key has the parent and the name. */
export const hfsplusLabel: Fact = async (volume) => {
  const start = await beginning(volume);
  const header = await fieldsAt(volume, start + HEADER, 512, false);
  const fork = (at: number): number | undefined => placeIn(header, start, at);
  const first = fork(0);
  if (first === undefined) return undefined;
  const btree = await fieldsAt(volume, first, 106, false);
  const [leaf, nodeBytes] = [btree.u32(14 + 10), btree.u16(14 + 18)];
  const node = fork(leaf * nodeBytes);
  if (node === undefined || nodeBytes < 512) return undefined;
  const key = await fieldsAt(volume, node + 14, 520, false);
  if (key.u32(2) !== ROOT_PARENT) return undefined;
  return filled(new TextDecoder('utf-16be').decode(key.slice(8, 2 * Math.min(key.u16(6), 255))));
};

/** Where byte `at` of the catalog is. */
function placeIn(header: Fields, start: number, at: number): number | undefined {
  const blockBytes = header.u32(40);
  let rest = at;
  for (let extent = 0; extent < EXTENTS; extent += 1) {
    const field = CATALOG + 16 + 8 * extent;
    const bytes = header.u32(field + 4) * blockBytes;
    if (rest < bytes) return start + header.u32(field) * blockBytes + rest;
    rest -= bytes;
  }
  return undefined;
}

/** Apple's namespace for a name-based UUID (RFC 9562 5.3) of Finder's eight bytes. */
const NAMESPACE = Uint8Array.of(
  0xb3,
  0xe2,
  0x0f,
  0x39,
  0xf2,
  0x92,
  0x11,
  0xd6,
  0x97,
  0xa4,
  0,
  0x30,
  0x65,
  0x43,
  0xec,
  0xac,
);

const uuidOf = (id: Uint8Array): string | undefined => {
  if (id.every((byte) => byte === 0)) return undefined;
  const bytes = new Uint8Array(24);
  bytes.set(NAMESPACE);
  bytes.set(id, 16);
  const hash = md5(bytes);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x30;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return uuidText(hash);
};

export const hfsplusUuid: Fact = async (volume) =>
  uuidOf(await volume.read((await beginning(volume)) + HEADER + 104, 8));
export const hfsUuid: Fact = async (volume) => uuidOf(await volume.read(HEADER + 116, 8));
