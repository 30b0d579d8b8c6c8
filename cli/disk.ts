/** What a command line names as an image, as a disk for the engine. */

import { openImageFile } from '../src/node/open-image-file.ts';
import { type OpenedDisk, openDisk } from '../src/storage/open-disk.ts';

export interface DiskFile extends OpenedDisk {
  /** Throws when the file was written to since it was opened. */
  checkUnchanged(): void;
}

/** `progress` is told of the bytes of what has to be kept in a file first. */
export async function openDiskFile(path: string, progress?: (bytesRead: number) => void): Promise<DiskFile> {
  const file = await openImageFile(path, progress && { progress });
  return { ...(await openDisk(file)), checkUnchanged: () => file.checkUnchanged() };
}
