/** An image of this machine as a disk that is written where it lies, whatever wraps it: locked, in place or all at once. */

import { closeSync, openSync, readSync } from 'node:fs';
import { detectCompression, MAGIC_BYTES } from '../../archive/decompress.ts';
import { HostError } from '../../errors/host-error.ts';
import { type OpenDiskOptions, type OpenedDisk, openDisk } from '../../storage/open-disk.ts';
import { nodeChunks } from '../chunks.ts';
import { imageToWrite } from './image-to-write.ts';
import { neighbours } from './neighbours.ts';
import { mustBeOneFile } from './pieces/pieces.ts';
import type { RedoFile } from './redo-file.ts';
import type { WritableFile } from './writable-file.ts';

export interface DiskToWriteOptions extends Pick<OpenDiskOptions, 'format' | 'offset' | 'size'> {
  /** Nothing of the file changes before `apply`. */
  readonly atomic?: boolean;
}

export interface DiskToWrite extends OpenedDisk {
  /** Of what was opened `atomic`: makes the changes part of the image. All that was written is flushed. */
  apply(): void;
  /** Lets go of the files and their locks. Twice is once. */
  close(): void;
}

/** Rejects as `imageToWrite` and `openDisk` do, and with `read-only-device` for what is only read. */
export async function diskToWrite(
  path: string,
  { atomic = false, ...options }: DiskToWriteOptions = {},
): Promise<DiskToWrite> {
  const file: WritableFile & Partial<Pick<RedoFile, 'apply'>> = imageToWrite(path, { atomic });
  const beside = neighbours(path);
  const close = () => {
    file.close();
    void beside.close();
  };
  try {
    mustBePlain(path);
    await mustBeOneFile(path);
    const files: OpenDiskOptions['files'] = (name, use) => {
      if (atomic && use?.write)
        throw new HostError('invalid-request', `${path} lies in several files, which cannot be changed all at once`);
      return beside.files(name, use);
    };
    const disk = await openDisk(file, { chunks: nodeChunks, ...options, files });
    if (!disk.device.write) {
      const why = disk.readOnly ?? `${disk.format}: what is in it is only read`;
      throw new HostError(
        'read-only-device',
        `${path} is not written (${why}); \`lkl convert\` makes a qcow2 or a raw image of it`,
      );
    }
    return { ...disk, apply: () => file.apply?.(), close };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** What is compressed looks like nothing, and is not to be written as if it were a disk. Throws `read-only-device`. */
export function mustBePlain(path: string): void {
  const head = new Uint8Array(MAGIC_BYTES);
  const fd = openSync(path, 'r');
  try {
    const compression = detectCompression(head.subarray(0, readSync(fd, head, 0, head.length, 0)));
    if (compression === undefined) return;
    throw new HostError(
      'read-only-device',
      `${path} is compressed (${compression}), and is only read: undo that first`,
    );
  } finally {
    closeSync(fd);
  }
}
