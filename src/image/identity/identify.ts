/** What a volume is, as blkid(8) tells it: its type, label and UUID, whether or not this kernel can mount it. */

import { labelOf, superblocksOf, uuidOf } from '../probe/superblock/superblock.ts';
import { SUPERBLOCK_BYTES, type Superblock } from '../probe/superblock/superblocks.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import { fileSystems } from './file-systems.ts';
import { members } from './members.ts';
import { matches, type Signature } from './signature.ts';
import { strangers } from './strangers.ts';

export interface Identity {
  readonly type: string;
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  /** What it is, for people, where no driver of this kernel takes it. */
  readonly words: string | undefined;
}

async function first(table: readonly Signature[], volume: VolumeBytes): Promise<Identity | undefined> {
  for (const signature of table) {
    if (!(await matches(volume, signature))) continue;
    const { type, label, uuid, words = type } = signature;
    return { type, words, label: await label?.(volume), uuid: await uuid?.(volume) };
  }
  return undefined;
}

/** The label and UUID of a file system that a driver takes. */
export async function identityOf(volume: VolumeBytes, superblock: Superblock): Promise<Identity> {
  const head = await volume.read(0, SUPERBLOCK_BYTES);
  const name = superblock.types[0];
  const { type = name, label, uuid } = fileSystems[name] ?? {};
  return {
    type,
    words: undefined,
    label: label ? await label(volume) : labelOf(head, superblock),
    uuid: uuid ? await uuid(volume) : uuidOf(head, superblock),
  };
}

/** A part of something larger, else a file system of this kernel, else something else that is known. */
export async function identify(
  volume: VolumeBytes,
  superblocks?: readonly Superblock[],
): Promise<Identity | undefined> {
  const member = await first(members, volume);
  if (member !== undefined) return member;
  const [superblock] = superblocks ?? superblocksOf(await volume.read(0, SUPERBLOCK_BYTES));
  if (superblock !== undefined) return identityOf(volume, superblock);
  return first(strangers, volume);
}

/** Whether it is a part of something larger, whatever else it looks like. */
export const isMember = async (volume: VolumeBytes): Promise<boolean> => (await first(members, volume)) !== undefined;
