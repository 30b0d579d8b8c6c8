/** How an image is shown to the kernel: as long as it says that it is, in blocks of its own table, that table mended. */

import { type BlockDevice, bytesOf, SECTOR } from '../storage/block-device.ts';
import { extended, type Sizing } from '../storage/layers/extended.ts';
import { identify, isMember } from './identity/identify.ts';
import { Fields } from './probe/fields.ts';
import { backupGpt, type Gpt, isOverruled, mendGpt, primaryGpt } from './probe/partition-table/gpt.ts';
import { patched } from './probe/patch.ts';
import { claimedBytes } from './probe/superblock/claims.ts';
import { superblocksOf } from './probe/superblock/superblock.ts';
import { SUPERBLOCK_BYTES } from './probe/superblock/superblocks.ts';
import { type VolumeBytes, volumeBytes } from './probe/volume-bytes.ts';

export interface Presented {
  /** For the kernel. What lies behind the image's end is EIO there. */
  readonly device: BlockDevice;
  /** The same where it is written: no longer than it is. */
  readonly writable: BlockDevice;
  /** What is really there. */
  readonly bytes: VolumeBytes;
  readonly gpt: Gpt | undefined;
  /** How long the image says that it is, where that is longer than it is. */
  readonly claimedBytes: number | undefined;
  /** Of what is not there. */
  readonly sizing: Sizing;
}

/** Where the page cache of a 32-bit kernel ends. */
const MAX_BYTES = 2 ** 44;

/** What a driver reads at a time: a file system that ends inside of such a block lacks only zeros. */
const DRIVER_BLOCK = 4096;

export async function presented(image: BlockDevice): Promise<Presented> {
  const { bytes, superblock, gpt, fileSystem, said } = await begun(image);
  const claimed = Math.min(MAX_BYTES, said);
  const isCut = claimed > bytes.sizeBytes;
  const mended = patched(image, gpt && superblock === undefined ? await mendGpt(bytes, gpt) : []);
  const sizing: Sizing = { on: false };
  const long = isCut ? extended(mended, sectorsOf(claimed), { sizing }) : padded(mended, fileSystem);
  const inOwnBlocks = (device: BlockDevice): BlockDevice =>
    gpt && gpt.blockBytes !== SECTOR ? { ...device, logicalBlockBytes: gpt.blockBytes } : device;
  return {
    device: inOwnBlocks(long),
    writable: inOwnBlocks(mended),
    bytes,
    gpt,
    claimedBytes: isCut ? claimed : undefined,
    sizing,
  };
}

/** What an image begins with, and how long that says that it is: 0 where it does not say. */
async function begun(image: BlockDevice) {
  const bytes = volumeBytes(image);
  const head = await bytes.read(0, SUPERBLOCK_BYTES);
  // What a member of an array begins with is the array's: it tells nothing of the member.
  const [superblock] = (await isMember(bytes)) ? [] : superblocksOf(head);
  const gpt = await usedGpt(bytes, superblock !== undefined);
  const fileSystem = superblock && (await claimedBytes(bytes, superblock.types[0]));
  const table = gpt ? gpt.diskBytes : superblock === undefined ? dosBytes(head) : undefined;
  return { bytes, superblock, gpt, fileSystem, said: Math.max(fileSystem ?? 0, table ?? 0) };
}

/** How long an image says that it is, by the file system or the table that it begins with; undefined: it does not say. */
export async function saidBytes(image: BlockDevice): Promise<number | undefined> {
  const { said } = await begun(image);
  return said > 0 ? said : undefined;
}

/** As it is, to read and to write: of a disk that a kernel has already. */
export async function presentedAsItIs(image: BlockDevice): Promise<Presented> {
  const { gpt } = await presented(image);
  return {
    device: image,
    writable: image,
    bytes: volumeBytes(image),
    gpt,
    claimedBytes: undefined,
    sizing: { on: false },
  };
}

const sectorsOf = (bytes: number): number => Math.ceil(bytes / SECTOR);

/** So long that a file system of `claimed` bytes, all of them there, has its last block whole: `mksquashfs -nopad` leaves it out. */
export function padded(device: BlockDevice, claimed: number | undefined): BlockDevice {
  if (claimed === undefined || claimed > bytesOf(device)) return device;
  return extended(device, sectorsOf(Math.ceil(claimed / DRIVER_BLOCK) * DRIVER_BLOCK), { zeros: true });
}

/** A backup table at the end counts only where nothing is known to have been made over the rest since. */
async function usedGpt(bytes: VolumeBytes, isFileSystem: boolean): Promise<Gpt | undefined> {
  if (isOverruled(await bytes.read(0, SECTOR))) return undefined;
  const primary = await primaryGpt(bytes);
  if (primary !== undefined || isFileSystem || (await identify(bytes, []))) return primary;
  return backupGpt(bytes);
}

/** Where the last primary partition of a DOS table ends; undefined where there is no such table. */
function dosBytes(head: Uint8Array): number | undefined {
  const sector = new Fields(head);
  const entries = [446, 462, 478, 494];
  if (sector.u8(510) !== 0x55 || sector.u8(511) !== 0xaa || entries.some((at) => sector.u8(at) % 0x80))
    return undefined;
  const ends = entries.map((at) => (sector.u8(at + 4) === 0 ? 0 : sector.u32(at + 8) + sector.u32(at + 12)));
  return Math.max(...ends) * SECTOR || undefined;
}
