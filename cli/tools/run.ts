/** Runs a program of the tools, or one of the user's own, on images, in this process. */

import { diskToWrite } from '../../src/node/files/disk-to-write.ts';
import { nodeToolbox } from '../../src/node/toolbox.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { openWholeDiskFile } from '../input/disk.ts';
import { ownFirst, ownProgramsOf } from './own-programs.ts';
import { inWorkshop } from './shop.ts';
import { withStandardStreams } from './standard-streams.ts';

export interface RunOptions {
  readonly disk: readonly string[];
  readonly readOnly?: true;
  readonly seed?: string;
  /** Modules of one's own: `FILE` or `NAME=FILE`. */
  readonly program?: readonly string[];
}

/** Answers the program's exit code. */
export async function run(words: readonly string[], options: RunOptions): Promise<number> {
  if (words.length === 0) return listTools();
  const { disk: images, readOnly, seed } = options;
  const { own: first, argv } = await ownFirst(words);
  const own = [...(await ownProgramsOf(options.program)), ...first];
  const open: (() => void)[] = [];
  try {
    const devices: BlockDevice[] = [];
    for (const image of images) {
      if (readOnly) {
        const { write: _, flush: __, ...device } = (await openWholeDiskFile(image)).device;
        devices.push(device);
        continue;
      }
      const { device, close } = await diskToWrite(image);
      open.push(close);
      devices.push(device);
    }
    return await inWorkshop({ own, ...(seed !== undefined && { seed }) }, async (shop) => {
      for (const device of devices) await shop.attach(device);
      const end = await withStandardStreams(false, ({ streams }) => shop.run(argv, streams));
      if (!readOnly) await shop.commit();
      return end.exitCode ?? 128 + (end.signal ?? 0);
    });
  } finally {
    for (const close of open) close();
  }
}

function listTools(): number {
  const { tools } = nodeToolbox();
  for (const { name, links } of tools) console.log([name, ...links].join(' '));
  return 0;
}
