/** Where FAT and exFAT have their labels: in the root directory, which what is in the boot sector only copies at best. */

import type { VolumeBytes } from '../probe/volume-bytes.ts';
import { type Fact, fieldsAt, filled } from './signature.ts';

const ENTRY = 32;
const MAX_ENTRIES = 16_384;

const DELETED = 0xe5;
const ATTR_VOLUME = 0x08;
const ATTR_MASK = 0x3f;

/** include/uapi/linux/msdos_fs.h: the entry with the attribute of a volume label; one that is erased is none. */
export const fatLabel: Fact = async (volume) => {
  const boot = await fieldsAt(volume, 0, 512);
  const [sectorBytes, clusterSectors] = [boot.u16(11), boot.u8(13)];
  const fatSectors = boot.u16(22) || boot.u32(36);
  const data = (boot.u16(14) + boot.u8(16) * fatSectors) * sectorBytes;
  const rootEntries = boot.u16(17);
  if (rootEntries > 0) return labelIn(await volume.read(data, Math.min(rootEntries, MAX_ENTRIES) * ENTRY));
  const clusterBytes = clusterSectors * sectorBytes;
  const next = async (cluster: number) =>
    (await fieldsAt(volume, boot.u16(14) * sectorBytes + 4 * cluster, 4)).u32(0) & 0xfff_ffff;
  for await (const bytes of clusters(volume, { first: boot.u32(44), data, clusterBytes, next })) {
    const label = labelIn(bytes);
    if (label !== undefined) return label;
  }
  return undefined;
};

function labelIn(directory: Uint8Array): string | undefined {
  for (let at = 0; at + ENTRY <= directory.length; at += ENTRY) {
    const entry = directory.subarray(at, at + ENTRY);
    if (entry[0] === 0) return undefined;
    if (entry[0] === DELETED || ((entry[11] ?? 0) & ATTR_MASK) !== ATTR_VOLUME) continue;
    const name = entry.slice(0, 11);
    if (name[0] === 0x05) name[0] = DELETED; // how a name begins that begins with that byte
    return filled(new TextDecoder().decode(name));
  }
  return undefined;
}

interface Chain {
  readonly first: number;
  /** Where cluster 2 is. */
  readonly data: number;
  readonly clusterBytes: number;
  readonly next: (cluster: number) => Promise<number>;
}

async function* clusters(volume: VolumeBytes, { first, data, clusterBytes, next }: Chain): AsyncGenerator<Uint8Array> {
  if (clusterBytes === 0 || clusterBytes > 1 << 25) return;
  const most = Math.ceil((MAX_ENTRIES * ENTRY) / clusterBytes);
  for (let cluster = first, count = 0; cluster >= 2 && count < most; cluster = await next(cluster), count += 1) {
    const at = data + (cluster - 2) * clusterBytes;
    if (at + clusterBytes > volume.sizeBytes) return;
    yield await volume.read(at, Math.min(clusterBytes, MAX_ENTRIES * ENTRY));
  }
}

/** fs/exfat/exfat_raw.h: EXFAT_VOLUME, and how many characters it has. */
const EXFAT_LABEL = 0x83;

export const exfatLabel: Fact = async (volume) => {
  const boot = await fieldsAt(volume, 0, 512);
  const sectorBytes = 2 ** boot.u8(108);
  const clusterBytes = sectorBytes * 2 ** boot.u8(109);
  const fat = boot.u32(80) * sectorBytes;
  const next = async (cluster: number) => (await fieldsAt(volume, fat + 4 * cluster, 4)).u32(0);
  const chain = { first: boot.u32(96), data: boot.u32(88) * sectorBytes, clusterBytes, next };
  for await (const bytes of clusters(volume, chain)) {
    for (let at = 0; at + ENTRY <= bytes.length; at += ENTRY) {
      if (bytes[at] === 0) return undefined;
      if (bytes[at] !== EXFAT_LABEL) continue;
      const length = Math.min(bytes[at + 1] ?? 0, 11);
      return filled(new TextDecoder('utf-16le').decode(bytes.subarray(at + 2, at + 2 + 2 * length)));
    }
  }
  return undefined;
};
