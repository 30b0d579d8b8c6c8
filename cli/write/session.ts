/** Opens an image of this machine to be changed: in place, or all at once. */

import type { MountedWritableTree } from '../../src/linux.ts';
import { imageToWrite } from '../../src/node/image-to-write.ts';
import type { RedoFile } from '../../src/node/redo-file.ts';
import type { WritableFile } from '../../src/node/writable-file.ts';
import { openDisk } from '../../src/storage/open-disk.ts';
import { mountRequest } from '../disk.ts';
import { openEngine } from '../engine.ts';
import { Failure } from '../failure.ts';
import type { MountOptions } from '../options.ts';

export interface WriteOptions extends MountOptions {
  /** Everything or nothing, whatever happens meanwhile. */
  readonly atomic?: true;
  readonly offset?: number;
  readonly size?: number;
}

/**
 * Runs `work` on the tree. What it did is on the disk when this settles, the journal empty. When it rejects, what was done before stays,
 * unmounted cleanly where that was possible; with `atomic` nothing was done.
 */
export async function withChanges<T>(
  image: string,
  options: WriteOptions,
  work: (tree: MountedWritableTree) => Promise<T>,
): Promise<T> {
  if (image === '-') throw new Failure('usage', 'standard input is not written');
  const file: WritableFile & Partial<Pick<RedoFile, 'apply'>> = imageToWrite(image, {
    atomic: options.atomic === true,
  });
  process.once('exit', () => file.close());
  try {
    const { offset, size } = options;
    const [engine, { device, format }] = await Promise.all([
      openEngine(),
      openDisk(file, { ...(offset !== undefined && { offset }), ...(size !== undefined && { size }) }),
    ]);
    if (format !== 'raw') {
      throw new Failure('image', `the image is ${format}, which is only read so far: raw images are written`);
    }
    const { offset: _, size: __, ...request } = options;
    const tree = await engine.openWritableTree(device, mountRequest(request));
    let result: T;
    try {
      result = await work(tree);
    } catch (cause) {
      // The reason is the first error, not what follows from it.
      await tree.close().catch(() => {});
      throw cause;
    }
    await tree.close();
    file.apply?.();
    return result;
  } finally {
    file.close();
  }
}
