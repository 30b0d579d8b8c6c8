/** A file system in an encrypted volume (LUKS), which becomes larger and smaller with what that lies on. */

import { HostError } from '../../errors/host-error.ts';
import type { LocatedVolume } from '../../image/image.ts';
import { readNames, readText } from '../../kernel/sysfs.ts';
import { SECTOR } from '../../storage/block-device.ts';
import { type NewSize, prepareResize, resizeFileSystem } from '../file-system/resize-file-system.ts';
import type { Workshop } from '../workshop.ts';

export interface ResizedContent {
  /** Before anything is changed: rejects with `cannot-resize` where it is known already that it would not go. */
  readonly prepare: (isSmaller: boolean) => Promise<void>;
  /** `size` is that of what it lies in. */
  readonly resize: (size: NewSize) => Promise<void>;
}

export const isEncrypted = (type: string): boolean => type === 'crypto_LUKS';

/** Volumes are as large as what is behind their header, up to a whole block. */
const BLOCK = 4096;

/** `open` opens it, each time anew; `bytesBefore`: of what it lies in. */
export function encryptedContent(
  shop: Workshop,
  open: <T>(work: (volume: LocatedVolume) => Promise<T>) => Promise<T>,
  bytesBefore: number,
): ResizedContent {
  let header = 0;
  const opened = <T>(work: (device: string, type: string, bytes: number) => Promise<T>) =>
    open(async ({ path, type, title }) => {
      const { init } = shop.kernel;
      const its = `/sys/class/block/${path.slice('/dev/'.length)}`;
      const below = await readNames(init, `${its}/slaves`);
      if (type === undefined || below.some((name) => /^(dm-|md)/.test(name)))
        throw new HostError(
          'cannot-resize',
          `${title} is no file system right in the encrypted volume, and is not resized`,
        );
      return work(path, type, Number(await readText(init, `${its}/size`)) * SECTOR);
    });
  return {
    prepare: (isSmaller) =>
      opened(async (device, type, bytes) => {
        header = bytesBefore - bytes;
        await prepareResize(shop, { device }, type, isSmaller);
      }),
    resize: ({ bytes: outer, isSmaller }) =>
      opened(async (device, type, there) => {
        const bytes = Math.floor((outer - header) / BLOCK) * BLOCK;
        if (!isSmaller && there < bytes)
          throw new HostError(
            'cannot-resize',
            'the header of the encrypted volume says how large it is: it does not grow',
          );
        await resizeFileSystem(shop, { device }, type, { bytes, isSmaller });
      }),
  };
}
