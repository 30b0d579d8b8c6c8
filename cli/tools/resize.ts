/** Gives an image, and the file system that fills it, another size. */

import { statSync, truncateSync } from 'node:fs';
import { HostError } from '../../src/errors/host-error.ts';
import { mustNotBeWritten } from '../../src/node/file-lock.ts';
import { writableFile } from '../../src/node/writable-file.ts';
import { rawDevice } from '../../src/storage/raw-device.ts';
import { canShrink, resizeFileSystem } from '../../src/tools/resize-file-system.ts';
import { mustBeWhole, volumeOf } from '../../src/tools/volume.ts';
import { openDiskFile } from '../disk.ts';
import { openEngine } from '../engine.ts';
import { Failure } from '../failure.ts';
import type { Size } from './command.ts';
import { inWorkshop } from './shop.ts';

export interface ResizeOptions {
  readonly type?: string;
  readonly quiet?: true;
}

const SECTOR = 512;

/** When it rejects while it makes something smaller, the image has the size that it had. */
export async function resize(image: string, size: Size, { type }: ResizeOptions): Promise<void> {
  const stats = statSync(image);
  if (!stats.isFile()) throw new Failure('usage', `${image} is no file: only files change their size`);
  const wanted = size.isMore ? stats.size + size.bytes : size.bytes;
  const bytes = Math.floor(wanted / SECTOR) * SECTOR;
  if (bytes === 0) throw new Failure('usage', 'an image has one sector of 512 bytes at least');
  // Before the file is longer: whoever writes it knows nothing of that.
  mustNotBeWritten(image);
  mustBeWhole(await (await openEngine()).inspect((await openDiskFile(image, { format: 'raw' })).device));
  const grows = bytes > stats.size;
  if (grows) truncateSync(image, bytes);
  try {
    await within(image, bytes, stats.size, type);
  } catch (cause) {
    // As long as nothing uses the new end, it goes again; a file system that has grown into it keeps it.
    if (grows && cause instanceof HostError && cause.kind === 'cannot-resize') truncateSync(image, stats.size);
    throw cause;
  }
  if (!grows) truncateSync(image, bytes);
}

async function within(image: string, bytes: number, before: number, asked: string | undefined): Promise<void> {
  const file = writableFile(image);
  try {
    const device = rawDevice(file);
    await inWorkshop({}, async (shop, engine) => {
      const { partition, type } = volumeOf(await engine.inspect(device), undefined, asked, () => true);
      if (partition !== undefined) {
        throw new HostError(
          'cannot-resize',
          'the image has a partition table: only images that are one file system are resized',
        );
      }
      if (bytes < before && canShrink(type) === false)
        throw new HostError('cannot-resize', `${type} cannot become smaller`);
      await resizeFileSystem(shop, await shop.attach(device), type, bytes);
      await shop.commit();
    });
  } finally {
    file.close();
  }
}
