/** One file system to be made in an image file, and the making. */

import type { Linux } from '../../../src/linux.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { fillFileSystem } from '../../../src/tools/file-system/fill-file-system.ts';
import { makeFileSystem } from '../../../src/tools/file-system/make-file-system.ts';
import type { LuksOptions } from '../../options.ts';
import { withProgress } from '../../output/progress.ts';
import type { Contents, ContentsOptions } from '../contents.ts';
import type { ImageFileOptions, MadeImage } from '../image-file.ts';
import { type Encryption, onDisk } from '../luks.ts';
import { inWorkshopOf, type WorldOptions } from '../shop.ts';

/** `fit`: as small as what is in it allows. */
export type MkfsSize = number | 'fit';

export interface MkfsOptions
  extends Omit<ImageFileOptions, 'size'>,
    WorldOptions,
    LuksOptions,
    Omit<ContentsOptions, 'notAfterNs'> {
  readonly type: string;
  readonly size?: MkfsSize;
  readonly label?: string;
  readonly uuid?: string;
  readonly from?: string;
  readonly quiet?: true;
}

/** One file system to be made, of contents that may be read several times. */
export interface MkfsJob {
  readonly engine: Linux;
  readonly image: string;
  readonly more: readonly string[];
  readonly options: MkfsOptions;
  readonly contents: Contents | undefined;
  readonly encryption: Encryption | undefined;
}

/** The file system, and what is in it, in an image that is there. */
export async function makeAndFill({ engine, more, options, contents, encryption }: MkfsJob, made: MadeImage) {
  const { type, label, uuid, quiet, seed } = options;
  return onDisk(engine, rawDevice(made.file), { encryption, seed }, (device) =>
    inWorkshopOf(engine, options, async (shop) => {
      const disk = await shop.attach(device);
      await makeFileSystem(shop, disk, type, { label, uuid, more });
      const report =
        contents && (await withProgress(quiet, (progress) => fillFileSystem(shop, disk, type, contents(), progress)));
      await shop.commit();
      return report;
    }),
  );
}
