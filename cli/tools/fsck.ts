/** Checks a file system of an image in this process, and repairs it. */

import { nodeSpill } from '../../src/node/engine.ts';
import { diskToWrite } from '../../src/node/files/disk-to-write.ts';
import { mustNotBeWritten } from '../../src/node/files/file-lock.ts';
import { changes } from '../../src/storage/layers/changes.ts';
import { checkFileSystem } from '../../src/tools/file-system/check-file-system.ts';
import { type CheckHow, isChecked, type Verdict } from '../../src/tools/file-system/file-systems.ts';
import { findVolume } from '../../src/tools/find-volume.ts';
import { exitCodes } from '../failure.ts';
import { openWholeDiskFile } from '../input/disk.ts';
import { standardOutput } from '../output/output.ts';
import { inWorkshop } from './shop.ts';

export interface FsckOptions {
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
export async function fsck(image: string, { type, partition, auto, yes }: FsckOptions): Promise<number> {
  const how: CheckHow = yes ? 'all' : auto ? 'safe' : 'look';
  // What is read while it is written is no state that it ever had.
  if (how === 'look' && image !== '-') mustNotBeWritten(image);
  const output = standardOutput();
  const written = how === 'look' ? undefined : await diskToWrite(image);
  try {
    // Whatever holds a disk can be looked at.
    const { device } = written ?? (await openWholeDiskFile(image));
    return await inWorkshop({}, async (shop, engine) => {
      const volume = await findVolume(device, await engine.inspect(device), { partition, type, can: isChecked });
      const { write: _, flush: __, ...readOnly } = device;
      // What a look needs to write is forgotten.
      const looked =
        how === 'look'
          ? changes(readOnly, { memoryMib: LOOK_MIB, spill: nodeSpill.open, limitMib: nodeSpill.limitMib })
          : undefined;
      try {
        const disk = await shop.attach(looked ?? device);
        const path = `${disk}${volume.partition ?? ''}`;
        const replay = () =>
          shop.mounted(disk, volume.type, async () => {}, { partition: volume.partition ?? 'whole' });
        const hear = (bytes: Uint8Array) => output.write(bytes);
        const verdict = await checkFileSystem(
          shop,
          path,
          volume.type,
          how,
          { stdout: hear, stderr: hear },
          looked ? { replay } : {},
        );
        if (how !== 'look') await shop.commit();
        return codes[verdict];
      } finally {
        await looked?.close();
      }
    });
  } finally {
    written?.close();
    await output.end();
  }
}
