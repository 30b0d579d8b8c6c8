/** Gives an image another size, with the partition at its end and the file system in it. */

import { statSync, truncateSync } from 'node:fs';
import { HostError } from '../../src/errors/host-error.ts';
import { nodeDerive } from '../../src/node/derive.ts';
import { nodeSpill } from '../../src/node/engine.ts';
import { mustBePlain } from '../../src/node/files/disk-to-write.ts';
import { mustNotBeWritten } from '../../src/node/files/file-lock.ts';
import { writableFile } from '../../src/node/files/writable-file.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { rawDevice } from '../../src/storage/raw-device.ts';
import { SECTOR_BYTES, writeTable } from '../../src/tools/partitions/partition-table.ts';
import { findResized, type InVolume, resizeVolume } from '../../src/tools/partitions/resize-volume.ts';
import { Failure } from '../failure.ts';
import { openStackFiles, openWholeDiskFile } from '../input/disk.ts';
import type { StackOptions } from '../options.ts';
import { inWorkshopOf, toolEngine } from './shop.ts';

/** An absolute size, or one on top of what there is. */
export interface Size {
  readonly bytes: number;
  readonly isMore: boolean;
}

export interface ResizeOptions extends Pick<StackOptions, 'passphraseFile' | 'keyFile'> {
  readonly type?: string;
  readonly partition?: string;
  readonly quiet?: true;
}

/** When it rejects before anything in it was changed, the image has the size that it had. */
export async function resize(image: string, size: Size, { type, partition, ...secrets }: ResizeOptions): Promise<void> {
  const stats = statSync(image);
  if (!stats.isFile()) throw new Failure('usage', `${image} is no file: only files change their size`);
  const wanted = size.isMore ? stats.size + size.bytes : size.bytes;
  const bytes = Math.floor(wanted / SECTOR_BYTES) * SECTOR_BYTES;
  if (bytes === 0) throw new Failure('usage', 'an image has one sector of 512 bytes at least');
  // Before the file is longer: whoever writes it knows nothing of that.
  mustNotBeWritten(image);
  await mustBeRaw(image);
  const engine = await toolEngine();
  const { device } = await openWholeDiskFile(image, { format: 'raw' });
  const report = await engine.inspect(device);
  const volume = await findResized(device, report, { partition, type });
  const stack = await openStackFiles(secrets);
  const isSmaller = bytes < stats.size;
  if (!isSmaller) truncateSync(image, bytes);
  let isChanged = false;
  let script: string | undefined;
  try {
    script = await onDisk(image, (disk) =>
      inWorkshopOf(engine, {}, async (shop) => {
        const inVolume: InVolume = (of, work) =>
          shop.withVolume(disk, { ...stack, partition: of }, work, { derive: nodeDerive, spill: nodeSpill });
        const job = { shop, disk: await shop.attach(disk), report, volume, bytes, isSmaller, inVolume };
        const written = await resizeVolume(job, () => {
          isChanged = true;
        });
        await shop.commit();
        return written;
      }),
    );
  } catch (cause) {
    // As long as nothing uses the new end, it goes again; what has grown into it keeps it.
    if (!(isSmaller || isChanged) && cause instanceof HostError) truncateSync(image, stats.size);
    throw cause;
  }
  if (!isSmaller) return;
  truncateSync(image, bytes);
  if (script === undefined) return;
  // The backup of the table goes to the new end.
  await onDisk(image, (disk) =>
    inWorkshopOf(engine, {}, async (shop) => {
      await writeTable(shop, await shop.attach(disk), script);
      await shop.commit();
    }),
  );
}

/** Of a container the file's own size says nothing, and what is in its header is another program's. */
async function mustBeRaw(image: string): Promise<void> {
  mustBePlain(image);
  // What cannot be opened as anything is told by what follows.
  const opened = await openWholeDiskFile(image).catch(() => undefined);
  if (opened === undefined) return;
  const { format, layers } = opened;
  const outer = layers[0]?.format ?? format;
  if (outer !== 'raw')
    throw new Failure(
      'usage',
      `${image} is ${outer}, and only raw images are resized: \`lkl convert ${image} disk.raw\` makes one of it`,
    );
}

async function onDisk<T>(image: string, work: (disk: BlockDevice) => Promise<T>): Promise<T> {
  const file = writableFile(image);
  try {
    return await work(rawDevice(file));
  } finally {
    file.close();
  }
}
