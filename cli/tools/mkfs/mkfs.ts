/** Makes a file system in an image file, in this process: empty, or of a folder, a tar or another image. */

import { statSync } from 'node:fs';
import type { KernelError } from '../../../src/kernel/kernel-error.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { fileSystemTools, madeTypes } from '../../../src/tools/file-system/file-systems.ts';
import { inodeWords, OutOfInodes, withEnoughInodes } from '../../../src/tools/file-system/inodes.ts';
import { makeOfTree } from '../../../src/tools/file-system/make-of-tree.ts';
import { isFull } from '../../../src/tools/file-system/make-to-fit.ts';
import { likelyBytes, measureTree } from '../../../src/tools/file-system/tree-measure.ts';
import type { CopyReport } from '../../../src/tree/write/copy-tree.ts';
import { Failure } from '../../failure.ts';
import { openDiskFile } from '../../input/disk.ts';
import { tellLosses } from '../../output/losses.ts';
import { withProgress } from '../../output/progress.ts';
import { withContents } from '../contents.ts';
import { type MadeImage, makeImageFile, tellRaw } from '../image-file.ts';
import { bytesBefore, type Encryption, encryptionOf, onDisk } from '../luks.ts';
import { inWorkshopOf, notAfterNs, toolEngine } from '../shop.ts';
import { temporaryDisk } from '../temporary-disk.ts';
import { mkfsToFit } from './fit.ts';
import { type MkfsJob, type MkfsOptions, makeAndFill } from './job.ts';

/** What becomes as large as its content is made on a disk of this size: more than any of it can be, and sparse. */
const ROOM = 2 ** 40;

/** Whether every file is there. When it rejects, a file that was made for this is gone again. */
export async function mkfs(image: string, more: readonly string[], options: MkfsOptions): Promise<boolean> {
  const { type, from, size } = options;
  const tools = fileSystemTools(type);
  if (!tools) throw new Failure('usage', `nothing here makes ${type}: ${madeTypes.join(', ')} can be`);
  const isOfTree = tools.make === undefined;
  if (isOfTree && from === undefined) throw new Failure('usage', `${type} is made of a tree: --from says of which`);
  if (isOfTree && typeof size === 'number') throw new Failure('usage', `${type} is as large as what is in it`);
  if (size === 'fit' && from === undefined)
    throw new Failure('usage', '--size fit is the size of what is in it: --from says what that is');
  const engine = await toolEngine();
  const job = { engine, image, more, options, encryption: await encryptionOf(options) };
  const report =
    from === undefined
      ? await mkfsOf({ ...job, contents: undefined })
      : await withContents(from, engine, { ...options, notAfterNs: notAfterNs() }, (contents) =>
          mkfsOf({ ...job, contents }),
        );
  tellRaw(image);
  return report === undefined || tellLosses(report);
}

/** The same of contents that are open. */
function mkfsOf(job: MkfsJob): Promise<CopyReport | undefined> {
  const { type, size } = job.options;
  const tools = fileSystemTools(type);
  if (tools && !tools.make) return ofTree(job);
  return size === 'fit' ? mkfsToFit(job) : ofSize(job);
}

async function ofSize(job: MkfsJob): Promise<CopyReport | undefined> {
  const { image, more, options, encryption } = job;
  const { type, force, size } = options;
  const bytes = size === 'fit' ? undefined : size;
  if (bytes === undefined) await mustBeRaw(image);
  if (bytes !== undefined && more.length === 0) mustBeEnough(type, bytes, encryption);
  let made: MadeImage | undefined;
  const attempt = async (words: readonly string[]) => {
    made?.discard();
    made = makeImageFile(image, { ...(force && { force }), ...(bytes !== undefined && { size: bytes }) });
    const report = await makeAndFill({ ...job, more: words }, made);
    made.keep();
    return report;
  };
  const { contents } = job;
  try {
    if (!contents) return await attempt(more);
    return await withEnoughInodes({ type, more, measure: () => measureTree(contents()) }, attempt);
  } catch (cause) {
    made?.discard();
    throw isFull(cause) && made ? await tooSmall(job, made.file.sizeBytes, cause) : cause;
  }
}

/** A container has another size than the disk in it, and would be replaced by the bytes of that disk alone. */
async function mustBeRaw(image: string): Promise<void> {
  if (!statSync(image, { throwIfNoEntry: false })?.isFile()) return;
  // What cannot be opened is nothing that is worth keeping.
  const format = await openDiskFile(image).then(
    ({ format: found }) => found,
    () => 'raw',
  );
  if (format === 'raw') return;
  throw new Failure(
    'usage',
    `${image} is ${format}, and would be replaced by a raw image: --size says how large that is to be; in the disk that it holds \`lkl run --disk ${image} -- mke2fs /dev/vda\` and the like make one`,
  );
}

/** What its program would say is about inodes and blocks. */
function mustBeEnough(type: string, bytes: number, encryption: Encryption | undefined): void {
  const { leastBytes = 0 } = fileSystemTools(type) ?? {};
  const before = bytesBefore(encryption);
  if (bytes >= leastBytes + before) return;
  const [few, least] = [bytes, leastBytes + before].map((number) => number.toLocaleString('en'));
  const what = encryption ? `${type} in a LUKS volume` : type;
  throw new Failure('usage', `${few} bytes are too few for ${what}, which has ${least} at least`);
}

async function tooSmall(
  { image, contents, options, more }: MkfsJob,
  bytes: number,
  cause: KernelError,
): Promise<Failure> {
  const { path = '' } = cause;
  if (!contents) return new Failure('image', `${image}: there is no room in ${bytes.toLocaleString('en')} bytes`);
  const measure = await measureTree(contents());
  if (cause instanceof OutOfInodes && inodeWords(options.type, measure, more).length === 0) {
    const [inodes, files] = [cause.inodes, measure.entries].map((number) => number.toLocaleString('en'));
    return new Failure('image', `${image}: no inode is left for ${path}: it has ${inodes}, the tree ${files} files`);
  }
  const [has, holds, wants] = [bytes, measure.bytes, likelyBytes(options.type, measure)].map((number) =>
    number.toLocaleString('en'),
  );
  return new Failure(
    'image',
    `${image}: no room for ${path} in ${has} bytes; the tree has ${holds} bytes in ${measure.entries.toLocaleString('en')} files, for which about ${wants} are enough (--size fit finds the least)`,
  );
}

async function ofTree({
  engine,
  image,
  more,
  options,
  contents,
  encryption,
}: MkfsJob): Promise<CopyReport | undefined> {
  if (!contents) return undefined;
  const { type, label, uuid, quiet, force, seed } = options;
  const made = makeImageFile(image, { size: ROOM, ...(force && { force }) });
  const scratch = temporaryDisk(ROOM);
  try {
    const { report, bytes } = await onDisk(engine, rawDevice(made.file), { encryption, seed }, (target) =>
      inWorkshopOf(engine, options, (shop) => {
        const disks = { scratch: scratch.device, target };
        const request = { label, uuid, more };
        return withProgress(quiet, (progress) => makeOfTree(shop, disks, type, request, contents(), progress));
      }),
    );
    made.keep(bytesBefore(encryption) + bytes);
    return report;
  } catch (cause) {
    made.discard();
    throw cause;
  } finally {
    scratch.close();
  }
}
