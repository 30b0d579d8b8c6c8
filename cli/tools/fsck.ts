/** Checks a file system of an image in this process, and repairs it. */

import type { LocatedVolume } from '../../src/image/image.ts';
import { nodeDerive } from '../../src/node/derive.ts';
import { nodeSpill } from '../../src/node/engine.ts';
import { mustNotBeWritten } from '../../src/node/files/file-lock.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { type Changes, changes } from '../../src/storage/layers/changes.ts';
import { checkFileSystem } from '../../src/tools/file-system/check-file-system.ts';
import { type CheckHow, isChecked, type Verdict } from '../../src/tools/file-system/file-systems.ts';
import { findVolume } from '../../src/tools/find-volume.ts';
import { isInside, nothingKnown } from '../../src/tools/volume.ts';
import { exitCodes } from '../failure.ts';
import { openStackFiles, openWholeDiskFile } from '../input/disk.ts';
import type { StackOptions } from '../options.ts';
import { standardOutput } from '../output/output.ts';
import { stackToWrite } from '../write/session.ts';
import { inWorkshop } from './shop.ts';

export interface FsckOptions extends StackOptions {
  readonly type?: string;
  readonly partition?: string;
  readonly auto?: true;
  readonly yes?: true;
}

const codes: Readonly<Record<Verdict, number>> = {
  clean: exitCodes.done,
  damaged: exitCodes.image,
  mended: exitCodes.partial,
  // As fsck.xfs(8) and fsck.btrfs(8) end.
  unchecked: exitCodes.done,
};

/** Of what a look writes, in memory; the rest of it in the folder for temporary files. */
const LOOK_MIB = 32;

/** Answers the exit code. */
export async function fsck(image: string, { type, partition, auto, yes, ...stacked }: FsckOptions): Promise<number> {
  const how: CheckHow = yes ? 'all' : auto ? 'safe' : 'look';
  // What is read while it is written is no state that it ever had.
  if (how === 'look' && image !== '-') mustNotBeWritten(image);
  const output = standardOutput();
  const toWrite = how === 'look' ? undefined : await stackToWrite(image, stacked);
  const written = toWrite?.disk;
  try {
    // Whatever holds a disk can be looked at.
    const { device } = written ?? (await openWholeDiskFile(image));
    const stack = toWrite?.stack ?? (await openStackFiles(stacked));
    return await inWorkshop({}, async (shop, engine) => {
      const forgotten: Changes[] = [];
      const forgetting = ({ write: _, flush: __, ...readOnly }: BlockDevice): BlockDevice => {
        const one = changes(readOnly, { memoryMib: LOOK_MIB, spill: nodeSpill.open, limitMib: nodeSpill.limitMib });
        forgotten.push(one);
        return one;
      };
      // What a look needs to write is forgotten.
      const seen = how === 'look' ? forgetting : (one: BlockDevice) => one;
      const hear = (bytes: Uint8Array) => output.write(bytes);
      const check = (path: string, found: string, replay: () => Promise<void>) =>
        checkFileSystem(shop, path, found, how, { stdout: hear, stderr: hear }, how === 'look' ? { replay } : {});
      try {
        const report = await engine.inspect(device);
        if (isInside(report, partition, type)) {
          const request = { ...stack, also: stack.also?.map(seen), partition };
          const checked = async (volume: LocatedVolume) => {
            const found = type ?? volume.type;
            if (found === undefined) throw nothingKnown(volume.title);
            return check(volume.path, found, () => shop.replay(volume.path, found));
          };
          return codes[await shop.withVolume(seen(device), request, checked, { derive: nodeDerive, spill: nodeSpill })];
        }
        const volume = await findVolume(device, report, { partition, type, can: isChecked });
        const disk = await shop.attach(seen(device));
        const verdict = await check(`${disk}${volume.partition ?? ''}`, volume.type, () =>
          shop.mounted(disk, volume.type, async () => {}, { partition: volume.partition ?? 'whole' }),
        );
        if (how !== 'look') await shop.commit();
        return codes[verdict];
      } finally {
        for (const one of forgotten) await one.close();
      }
    });
  } finally {
    toWrite?.close();
    await output.end();
  }
}
