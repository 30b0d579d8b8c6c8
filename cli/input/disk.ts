/** What a command line names as an image, as a disk for the engine. */

import { HostError } from '../../src/errors/host-error.ts';
import type { MountRequest, StackRequest } from '../../src/image/mounted-image.ts';
import { nodeChunks } from '../../src/node/chunks.ts';
import { writerOf } from '../../src/node/files/file-lock.ts';
import { mountedHere } from '../../src/node/files/mounted-here.ts';
import { neighbours } from '../../src/node/files/neighbours.ts';
import { type ImageFile, openImageFile } from '../../src/node/files/open-image-file.ts';
import { unpacker } from '../../src/node/spool/unpack.ts';
import type { ByteSource } from '../../src/storage/byte-source.ts';
import { type OpenedDisk, openDisk } from '../../src/storage/open-disk.ts';
import { printable } from '../failure.ts';
import type { DiskOptions, MountOptions, StackOptions } from '../options.ts';
import { unlockOf } from './unlock.ts';

export interface DiskFile extends OpenedDisk {
  /** Throws when the file was written to since it was opened. */
  checkUnchanged(): void;
  /** Its bytes, no longer compressed. */
  readonly file: ByteSource;
}

/** `progress` is told of the bytes of what has to be kept in a file first; `notes` of what is otherwise than the file says (default: people). */
export async function openDiskFile(
  path: string,
  { format, member, state }: DiskOptions = {},
  progress?: (bytesRead: number) => void,
  notes: (disk: OpenedDisk) => void = tellNotes,
): Promise<DiskFile> {
  const grown = (undone: number, read: number) => tellGrowth(path, undone, read);
  const file = await openImageFile(path, { grown, ...(progress && { progress }) });
  if (path !== '-') warnOfWriters(path);
  const disk = await openDisk(file, {
    format,
    member,
    snapshot: state,
    files: path === '-' ? undefined : neighbours(path).files,
    unpack: unpacker(path).unpack,
    chunks: nodeChunks,
  });
  notes(disk);
  return { ...disk, layers: throughPieces(file, disk), file, checkUnchanged: () => file.checkUnchanged() };
}

/** The files that it was split into are what it is read through first. */
function throughPieces({ pieces }: ImageFile, { format, layers }: OpenedDisk): OpenedDisk['layers'] {
  if (pieces === undefined || pieces.length < 2) return layers;
  return [{ format: 'pieces', note: `${pieces.length} files` }, ...(layers.length > 0 ? layers : [{ format }])];
}

/** Whoever is sent a bomb is to know what takes so long; a sparse disk may be as large. */
function tellGrowth(path: string, undoneBytes: number, bytesRead: number): void {
  const name = path === '-' ? 'standard input' : printable(path);
  const [read, undone] = [bytesRead.toLocaleString('en'), (undoneBytes / 2 ** 30).toLocaleString('en')];
  console.error(`lkl: ${name}: ${read} bytes of it have become ${undone} GiB, and it goes on: Ctrl-C ends this`);
}

export function tellNotes({ notes }: OpenedDisk): void {
  for (const note of notes) console.error(`lkl: ${printable(note)}`);
}

/** The same for what is taken as it is, whatever is on it. Rejects with `image-cut` where something of it is missing. */
export async function openWholeDiskFile(path: string, options: DiskOptions = {}): Promise<DiskFile> {
  const disk = await openDiskFile(path, options);
  if (disk.device.cut !== undefined) throw new HostError('image-cut', disk.device.cut);
  return disk;
}

/** Once: what is read while it is written is no state that it ever had. It is often meant all the same. */
function warnOfWriters(path: string): void {
  if (warned.has(path)) return;
  warned.add(path);
  const at = mountedHere(path);
  const who = at === undefined ? writerOf(path) : `this machine has it mounted at ${at} and may write to it`;
  if (who !== undefined) console.error(`lkl: ${path}: ${who}: what is read may be of several moments`);
}
const warned = new Set<string>();

export interface StackFiles extends StackRequest {
  /** Throws when one of the files was written to since it was opened. */
  checkUnchanged(): void;
}

/** The other disks of the same machine, and what opens encrypted volumes. */
export async function openStackFiles(options: StackOptions, more: readonly string[] = []): Promise<StackFiles> {
  const unlock = await unlockOf(options);
  const also: DiskFile[] = [];
  for (const path of [...more, ...(options.also ?? [])]) also.push(await openDiskFile(path));
  const header = options.header === undefined ? undefined : await openDiskFile(options.header, { format: 'raw' });
  return {
    also: also.map(({ device }) => device),
    header: header?.device,
    unlock,
    checkUnchanged() {
      for (const file of also) file.checkUnchanged();
      header?.checkUnchanged();
    },
  };
}

/** How the engine is to mount what the command line names. */
export const mountRequest = ({
  type,
  partition,
  options,
  subvol,
  offset,
  size,
  evenIfCut,
}: MountOptions & DiskOptions): MountRequest => ({
  type,
  partition,
  options,
  subvolume: subvol,
  offsetBytes: offset,
  sizeBytes: size,
  ...(evenIfCut && { evenIfCut }),
});
