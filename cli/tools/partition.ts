/** `lkl partition`: an image's partition table, by sfdisk. */

import { statSync } from 'node:fs';
import { diskToWrite } from '../../src/node/files/disk-to-write.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { rawDevice } from '../../src/storage/raw-device.ts';
import { Failure } from '../failure.ts';
import { openWholeDiskFile } from '../input/disk.ts';
import { textOf } from '../input/small-file.ts';
import { standardOutput } from '../output/output.ts';
import { makeImageFile } from './image-file.ts';
import { inWorkshop, type WorldOptions } from './shop.ts';

export interface PartitionOptions extends WorldOptions {
  readonly size?: number;
  readonly dump?: true;
}

/** When it rejects, a file that was made for this is gone again. */
export async function partition(image: string, words: readonly string[], options: PartitionOptions): Promise<void> {
  const script = options.dump || process.stdin.isTTY ? '' : await textOf('-', 'script');
  if (script.trim() === '' && words.length === 0) {
    if (options.size !== undefined) throw new Failure('usage', 'of which partitions? Standard input says nothing');
    return show(image);
  }
  const isThere = statSync(image, { throwIfNoEntry: false }) !== undefined;
  if (isThere && options.size !== undefined) throw new Failure('usage', `${image} is there already, and has its size`);
  const write = (device: BlockDevice) =>
    sfdisk(device, ['--quiet', '--wipe', 'never', '--wipe-partitions', 'never', ...words], options, script);
  if (isThere) {
    const { device, close } = await diskToWrite(image);
    try {
      return await write(device);
    } finally {
      close();
    }
  }
  const made = makeImageFile(image, options.size === undefined ? {} : { size: options.size });
  try {
    await write(rawDevice(made.file));
    made.keep();
  } finally {
    made.discard();
  }
}

async function show(image: string): Promise<void> {
  const { device } = await openWholeDiskFile(image);
  const { write: _, flush: __, ...readOnly } = device;
  await sfdisk(readOnly, ['--dump'], {});
}

async function sfdisk(device: BlockDevice, words: readonly string[], world: WorldOptions, script = ''): Promise<void> {
  const output = standardOutput();
  let rest: Uint8Array | undefined = new TextEncoder().encode(script);
  try {
    await inWorkshop(world, async (shop) => {
      const disk = await shop.attach(device);
      const stdin = async () => {
        const piece = rest;
        rest = undefined;
        return piece;
      };
      await shop.must(['sfdisk', ...words, disk], { stdin, stdout: (bytes) => output.write(bytes) });
      await shop.commit();
    });
  } finally {
    await output.end();
  }
}
