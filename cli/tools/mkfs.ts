/** Makes a file system in an image file, in this process: empty, or of a folder, a tar or another image. */

import type { Linux } from '../../src/linux.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { rawDevice } from '../../src/storage/raw-device.ts';
import { fileSystemTools } from '../../src/tools/file-systems.ts';
import { fillFileSystem } from '../../src/tools/fill-file-system.ts';
import { makeFileSystem } from '../../src/tools/make-file-system.ts';
import { type MadeOfTree, makeOfTree } from '../../src/tools/make-of-tree.ts';
import type { Workshop } from '../../src/tools/workshop.ts';
import type { CopyOptions, CopyReport } from '../../src/tree/write/copy-tree.ts';
import type { Entry } from '../../src/tree/write/entry.ts';
import { tellLosses } from '../copy/cptofs.ts';
import { Failure } from '../failure.ts';
import { showProgress } from '../output/progress.ts';
import { withContents } from './contents.ts';
import { type ImageFileOptions, makeImageFile } from './image-file.ts';
import { inWorkshop, sourceDateEpoch, type WorldOptions } from './shop.ts';
import { temporaryDisk } from './temporary-disk.ts';

export interface MkfsOptions extends ImageFileOptions, WorldOptions {
  readonly type: string;
  readonly label?: string;
  readonly uuid?: string;
  readonly from?: string;
  readonly keepOwner?: true;
  readonly quiet?: true;
}

/** What becomes as large as its content is made on a disk of this size: more than any of it can be, and sparse. */
const ROOM = 2 ** 40;

/** Whether every file is there. When it rejects, a file that was made for this is gone again. */
export async function mkfs(image: string, more: readonly string[], options: MkfsOptions): Promise<boolean> {
  const { type } = options;
  const tools = fileSystemTools(type);
  const isOfTree = tools !== undefined && tools.make === undefined;
  if (isOfTree && options.from === undefined)
    throw new Failure('usage', `${type} is made of a tree: --from says of which`);
  if (isOfTree && options.size !== undefined) throw new Failure('usage', `${type} is as large as what is in it`);
  const made = makeImageFile(image, isOfTree ? { ...options, size: ROOM } : options);
  try {
    const device = rawDevice(made.file);
    const make = isOfTree ? ofTree : emptyOrFilled;
    const { report, bytes } = await inWorkshop(options, (shop, engine) => make(shop, engine, device, more, options));
    made.keep(bytes);
    return report === undefined || tellLosses(report);
  } catch (cause) {
    made.discard();
    throw cause;
  }
}

type Made = { readonly report: CopyReport | undefined; readonly bytes: number | undefined };

async function emptyOrFilled(
  shop: Workshop,
  engine: Linux,
  device: BlockDevice,
  more: readonly string[],
  options: MkfsOptions,
): Promise<Made> {
  const { type, label, uuid, from } = options;
  const disk = await shop.attach(device);
  await makeFileSystem(shop, disk, type, { label, uuid, more });
  const report =
    from === undefined
      ? undefined
      : await filling(from, engine, options, (tree, progress) => fillFileSystem(shop, disk, type, tree, progress));
  await shop.commit();
  return { report, bytes: undefined };
}

async function ofTree(
  shop: Workshop,
  engine: Linux,
  target: BlockDevice,
  more: readonly string[],
  options: MkfsOptions,
): Promise<MadeOfTree> {
  const { type, label, uuid, from = '' } = options;
  const scratch = temporaryDisk(ROOM);
  try {
    const disks = { scratch: scratch.device, target };
    return await filling(from, engine, options, (tree, progress) =>
      makeOfTree(shop, disks, type, { label, uuid, more }, tree, progress),
    );
  } finally {
    scratch.close();
  }
}

/** Runs `work` with what is to be in it, and shows how far it is. */
async function filling<T>(
  from: string,
  engine: Linux,
  { keepOwner, quiet }: MkfsOptions,
  work: (tree: AsyncIterable<Entry>, options: CopyOptions) => Promise<T>,
): Promise<T> {
  const epoch = sourceDateEpoch();
  const notAfterNs = epoch === undefined ? undefined : BigInt(epoch) * 1_000_000_000n;
  const counts = { bytesRead: undefined, bytesWritten: 0, entries: 0 };
  const line = await showProgress(quiet === true, () => counts);
  const progress = (entries: number, bytes: number) => {
    counts.entries = entries;
    counts.bytesWritten = bytes;
    line.tick();
  };
  try {
    const options = { notAfterNs, ...(keepOwner && { keepOwner }) };
    const done = await withContents(from, engine, options, (tree) => work(tree, { progress }));
    line.done();
    return done;
  } finally {
    line.stop();
  }
}
