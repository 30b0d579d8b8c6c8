/** The file of an image that tools write: there already, or made for them and gone again when they fail. */

import { closeSync, ftruncateSync, openSync, rmSync, statSync, truncateSync } from 'node:fs';
import { type WritableFile, writableFile } from '../../src/node/files/writable-file.ts';
import { Failure, reasonOf } from '../failure.ts';

export interface ImageFileOptions {
  readonly size?: number;
  readonly force?: true;
}

export interface MadeImage {
  readonly file: WritableFile;
  /** Lets go of the file: it is what it was to be. `bytes`: and is cut to so many, if we made it. */
  keep(bytes?: number): void;
  /** Lets go of it after a failure; what was made for this is gone again. */
  discard(): void;
}

/** A new file of `size`, or with `force` what is there. */
export function makeImageFile(path: string, { size, force }: ImageFileOptions): MadeImage {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isBlockDevice()) {
    if (!force) throw new Failure('usage', `${path} is a block device: --force makes it anew`);
    if (size !== undefined) throw new Failure('usage', `${path} is a block device, which has its size`);
    return opened(path, false);
  }
  if (stats && !stats.isFile()) throw new Failure('usage', `${path} is there and is no file`);
  if (stats && stats.size > 0 && !force) throw new Failure('usage', `${path} is there already: --force makes it anew`);
  const bytes = size ?? stats?.size ?? 0;
  if (size === 0) throw new Failure('usage', 'an image of 0 bytes holds nothing');
  if (bytes === 0) throw new Failure('usage', `say how large ${path} is to be: --size 1G`);
  // Nothing of what was in it stays: the file system is of zeros, as the same seed demands.
  // Whoever has it mounted keeps it.
  if (stats && stats.size > 0) writableFile(path).close();
  const fd = openSync(path, stats ? 'r+' : 'wx');
  try {
    // The size first: where that cannot be had, what was there is still there.
    ftruncateSync(fd, bytes);
    ftruncateSync(fd, 0);
    ftruncateSync(fd, bytes);
  } catch (cause) {
    if (!stats) rmSync(path);
    throw new Failure('failed', `${path} cannot have ${bytes.toLocaleString('en')} bytes: ${reasonOf(cause)}`);
  } finally {
    closeSync(fd);
  }
  return opened(path, true);
}

function opened(path: string, isOurs: boolean): MadeImage {
  const file = writableFile(path);
  const remove = () => {
    file.close();
    if (isOurs) rmSync(path, { force: true });
  };
  process.once('exit', remove);
  return {
    file,
    keep(bytes) {
      process.off('exit', remove);
      file.close();
      if (bytes !== undefined && isOurs) truncateSync(path, bytes);
    },
    discard() {
      process.off('exit', remove);
      remove();
    },
  };
}
