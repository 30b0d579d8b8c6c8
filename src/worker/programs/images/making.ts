/** Images with a new file system, empty or of a tree: of a size, or as large as what is in them. */

import { HostError } from '../../../errors/host-error.ts';
import type { KernelError } from '../../../kernel/kernel-error.ts';
import { fileSystemTools, type MakeRequest } from '../../../tools/file-system/file-systems.ts';
import { fillFileSystem, noEntries } from '../../../tools/file-system/fill-file-system.ts';
import { OutOfInodes } from '../../../tools/file-system/inodes.ts';
import { makeFileSystem } from '../../../tools/file-system/make-file-system.ts';
import { makeOfTree } from '../../../tools/file-system/make-of-tree.ts';
import { isFull, makeToFit } from '../../../tools/file-system/make-to-fit.ts';
import { measureTree } from '../../../tools/file-system/tree-measure.ts';
import type { CopyReport } from '../../../tree/write/copy-tree.ts';
import { settled } from '../../../tree/write/settled.ts';
import type { ImageDisks, MadeImageDisk, Written } from '../../images/disks.ts';
import { mustMeet } from '../../images/images.ts';
import { tarred } from '../../images/writing.ts';
import type { Condition } from '../../storage/image-entry.ts';
import { mustNotBeLarger } from './sizes.ts';
import { type Contents, openSource, type Source, type TreeNeeds } from './trees.ts';
import { MAKING_MIB, makingMib, type Workshops, wordsFor } from './workshops.ts';

export interface FileSystemOrder extends MakeRequest {
  readonly type: string;
  /** Of the image; `fit`: as small as what is in it allows. Undefined for types that are made of a tree: they always are. */
  readonly sizeBytes: number | 'fit' | undefined;
  readonly seed: string | undefined;
}

export interface MadeFileSystem extends Written {
  readonly sizeBytes: number;
  /** Undefined: it is empty. */
  readonly filled: CopyReport | undefined;
}

export interface MakingNeeds extends TreeNeeds {
  readonly disks: ImageDisks;
  readonly inWorkshop: Workshops;
  readonly maxImageBytes: number;
}

interface Made {
  readonly disk: MadeImageDisk;
  readonly filled: CopyReport | undefined;
  /** Of the image, where that is not the disk's size. */
  readonly bytes?: number;
}

/** What becomes as large as its content is made on a disk of this size. */
export const ROOM = 2 ** 40;

/** The image is there, whole, once this settles; when it rejects there is none, or the one there was. */
export async function makeImage(
  needs: MakingNeeds,
  name: string,
  condition: Condition,
  order: FileSystemOrder,
  contents: Contents | undefined,
): Promise<MadeFileSystem> {
  const { type, sizeBytes } = order;
  const isOfTree = fileSystemTools(type)?.make === undefined && fileSystemTools(type) !== undefined;
  if (isOfTree && !contents)
    throw new HostError('invalid-request', `${type} is made of a tree: send a tar, or name \`from\``);
  if (isOfTree && typeof sizeBytes === 'number')
    throw new HostError('invalid-request', `${type} is as large as what is in it`);
  if (!isOfTree && sizeBytes === undefined)
    throw new HostError('invalid-request', 'say how large the image is to be: size');
  if (sizeBytes === 'fit' && !contents)
    throw new HostError('invalid-request', 'size=fit is the size of what is in it: send a tar, or name `from`');
  if (typeof sizeBytes === 'number') mustNotBeLarger(sizeBytes, needs.maxImageBytes);

  await mustMeet(needs.images, name, condition);

  const open: MadeImageDisk[] = [];
  const create = async (bytes: number): Promise<MadeImageDisk> => {
    for (const before of open.splice(0)) await before.close();
    const disk = await needs.disks.create(name, bytes);
    open.push(disk);
    return disk;
  };
  const source = contents && (await openSource(contents, needs, sizeBytes === 'fit' && !isOfTree));
  const making = { needs, order, source, create };
  try {
    const made = await tarred(isOfTree ? ofTree(making) : sizeBytes === 'fit' ? toFit(making) : ofSize(making));
    return { ...(await made.disk.keep(condition, made.bytes)), filled: made.filled };
  } finally {
    for (const disk of open) await disk.close();
    await source?.close();
  }
}

interface Making {
  readonly needs: MakingNeeds;
  readonly order: FileSystemOrder;
  readonly source: Source | undefined;
  /** The one before goes. */
  create(bytes: number): Promise<MadeImageDisk>;
}

async function ofSize(making: Making): Promise<Made> {
  const bytes = Number(making.order.sizeBytes);
  const disk = await making.create(bytes);
  try {
    return { disk, filled: await makeAndFill(making, disk, making.order.more) };
  } catch (cause) {
    throw isFull(cause) ? full(bytes, cause) : cause;
  }
}

async function toFit(making: Making): Promise<Made> {
  const { needs, order, source } = making;
  const { type, more = [] } = order;
  if (!source) throw new Error('nothing is to fit');
  let made: Made | undefined;
  const bytes = await makeToFit(
    { type, more, measure: await measureTree(source.entries(undefined)) },
    async (size, words, isEmpty) => {
      mustNotBeLarger(size, needs.maxImageBytes);
      const disk = await making.create(size);
      const filled = await makeAndFill(
        isEmpty ? { ...making, source: { ...source, entries: noEntries } } : making,
        disk,
        words,
      );
      made = { disk, filled };
      return filled?.freeBytes ?? 0;
    },
  );
  if (bytes === undefined || !made)
    throw new HostError('no-room-in-image', `what is in the tree fits into no ${type} that is made here`);
  return made;
}

/** One that is never written again. */
async function ofTree({ needs, order, source, create }: Making): Promise<Made> {
  const { type, seed, more = [] } = order;
  if (!source) throw new Error('it is made of nothing');
  const disk = await create(ROOM);
  const scratch = await needs.disks.scratch(ROOM);
  try {
    const options = { programMib: makingMib(type), seed, besideMib: source.besideMib };
    const { report, bytes } = await needs.inWorkshop(options, (shop) => {
      const both = { scratch: scratch.device, target: disk.device };
      const request = { ...order, more: [...wordsFor(type), ...more] };
      return makeOfTree(shop, both, type, request, settled(source.entries(shop.kernel)));
    });
    return { disk, filled: report, bytes };
  } finally {
    await scratch.close();
  }
}

function makeAndFill({ needs, order, source }: Making, disk: MadeImageDisk, more: MakeRequest['more']) {
  const { type, seed } = order;
  const options = { programMib: MAKING_MIB, seed, besideMib: source?.besideMib ?? 0 };
  return needs.inWorkshop(options, async (shop) => {
    const path = await shop.attach(disk.device);
    await makeFileSystem(shop, path, type, { ...order, more });
    const filled = source && (await fillFileSystem(shop, path, type, settled(source.entries(shop.kernel))));
    await shop.commit();
    return filled;
  });
}

function full(bytes: number, cause: KernelError): HostError {
  const path = cause.path ?? 'it';
  const why =
    cause instanceof OutOfInodes
      ? `no inode is left for ${path}, ${bytes.toLocaleString('en')} bytes have ${cause.inodes.toLocaleString('en')}: size=fit makes as many as there are files`
      : `no room for ${path} in ${bytes.toLocaleString('en')} bytes: give it a larger size, or size=fit`;
  return new HostError('no-room-in-image', why, { cause });
}
