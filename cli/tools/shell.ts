/** A shell with an image mounted, in this process. */

import { presented } from '../../src/image/presented.ts';
import { writableFile } from '../../src/node/writable-file.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { rawDevice } from '../../src/storage/raw-device.ts';
import { volumeOf } from '../../src/tools/volume.ts';
import { openDiskFile } from '../disk.ts';
import { Failure } from '../failure.ts';
import { inWorkshop } from './shop.ts';
import { isTerminal, withStandardStreams } from './standard-streams.ts';

export interface ShellOptions {
  readonly type?: string;
  readonly partition?: string;
  readonly readOnly?: true;
  readonly evenIfCut?: true;
}

const readOnlyOf = ({ write: _, flush: __, ...device }: BlockDevice): BlockDevice => device;

/** Answers the shell's exit code. What was written is in the image, which is unmounted, when this settles. */
export async function shell(image: string, options: ShellOptions): Promise<number> {
  const { type: asked, partition: named, readOnly, evenIfCut = false } = options;
  if (evenIfCut && !readOnly)
    throw new Failure('usage', 'what was cut short is not written: --even-if-cut goes with --read-only');
  const file = readOnly ? undefined : writableFile(image);
  try {
    const disk = file ? rawDevice(file) : readOnlyOf((await openDiskFile(image)).device);
    return await inWorkshop({ clock: isTerminal() ? 'wall' : 'virtual' }, async (shop, engine) => {
      const { partition = 'whole', type } = volumeOf(await engine.inspect(disk), named, asked, () => true, evenIfCut);
      const end = await shop.mounted(
        // So long as it says that it is: what is missing is an error to read.
        await shop.attach(evenIfCut ? (await presented(disk)).device : disk),
        type,
        (cwd) =>
          withStandardStreams(isTerminal(), ({ streams, surroundings: { env = [], ...others } }) =>
            shop.run(['sh'], streams, { ...others, cwd, env: [...env, 'PS1=$PWD # '] }),
          ),
        { partition, readOnly: readOnly === true, evenIfCut },
      );
      if (file) await shop.commit();
      return end.exitCode ?? 128 + (end.signal ?? 0);
    });
  } finally {
    file?.close();
  }
}
