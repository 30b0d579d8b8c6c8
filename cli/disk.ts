/** What a command line names as an image, as a disk for the engine. */

import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { MountRequest } from '../src/image/mounted-image.ts';
import { fileSource } from '../src/node/file-source.ts';
import { openImageFile } from '../src/node/open-image-file.ts';
import type { ByteSource } from '../src/storage/byte-source.ts';
import { type OpenedDisk, openDisk } from '../src/storage/open-disk.ts';
import type { DiskOptions, MountOptions } from './options.ts';

export interface DiskFile extends OpenedDisk {
  /** Throws when the file was written to since it was opened. */
  checkUnchanged(): void;
}

/** `progress` is told of the bytes of what has to be kept in a file first. */
export async function openDiskFile(
  path: string,
  { format, member, state }: DiskOptions = {},
  progress?: (bytesRead: number) => void,
): Promise<DiskFile> {
  const file = await openImageFile(path, progress && { progress });
  const disk = await openDisk(file, { format, member, snapshot: state, files: neighbours(path) });
  return { ...disk, checkUnchanged: () => file.checkUnchanged() };
}

/**
 * Files that an image names: only those beside it or below its folder. An image comes from anywhere, and must not make this
 * machine's other files part of itself.
 */
function neighbours(path: string): (name: string) => ByteSource | undefined {
  const folder = dirname(resolve(path));
  return (name) => {
    const wanted = resolve(folder, name);
    const isInside = !/^\.\.($|[\\/])/.test(relative(folder, wanted));
    // Images that were moved with what they build on name it where it was.
    const found = isInside ? wanted : join(folder, name.split(/[\\/]/).at(-1) ?? '');
    return path !== '-' && existsSync(found) ? fileSource(found) : undefined;
  };
}

/** How the engine is to mount what the command line names. */
export const mountRequest = ({ type, partition, options, offset, size }: MountOptions & DiskOptions): MountRequest => ({
  type,
  partition,
  options,
  offsetBytes: offset,
  sizeBytes: size,
});
