/** The file of an image that tools make: it has its name once they are done. A block device is made anew where it is. */

import { ftruncateSync, statSync } from 'node:fs';
import { hasCode } from '../../src/errors/has-code.ts';
import { type WritableFile, writableFile } from '../../src/node/files/writable-file.ts';
import { formatOfName } from '../../src/storage/formats/make/made-formats.ts';
import { Failure, printable, reasonOf } from '../failure.ts';
import { type PartialFile, partialFile } from '../output/partial-file.ts';

export interface ImageFileOptions {
  readonly size?: number;
  readonly force?: true;
}

export interface MadeImage {
  readonly file: WritableFile;
  /** Lets go of it: what had the name is replaced, by its first `bytes` if they are given. */
  keep(bytes?: number): void;
  /** Lets go of it after a failure: the name means what it meant. After `keep`: nothing. */
  discard(): void;
}

/** What is made is raw; whoever gave it the name of another format is told. */
export function tellRaw(path: string): void {
  const format = formatOfName(path) ?? 'raw';
  if (format !== 'raw')
    console.error(`lkl: ${printable(path)} is raw, whatever its name: lkl convert makes ${format} of it`);
}

/** A new file of `size`, or with `force` one as large as what is there, for its place. */
export function makeImageFile(path: string, { size, force }: ImageFileOptions): MadeImage {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isBlockDevice()) {
    if (!force) throw new Failure('usage', `${path} is a block device: --force makes it anew`);
    if (size !== undefined) throw new Failure('usage', `${path} is a block device, which has its size`);
    const file = writableFile(path);
    return { file, keep: () => file.close(), discard: () => file.close() };
  }
  if (stats && !stats.isFile()) throw new Failure('usage', `${path} is there and is no file`);
  if (stats && stats.size > 0 && !force) throw new Failure('usage', `${path} is there already: --force makes it anew`);
  const bytes = size ?? stats?.size ?? 0;
  if (size === 0) throw new Failure('usage', 'an image of 0 bytes holds nothing');
  if (bytes === 0) throw new Failure('usage', `say how large ${path} is to be: --size 1G`);
  // Whoever has it mounted keeps it, and nobody mounts it meanwhile.
  const old = stats && stats.size > 0 ? writableFile(path) : undefined;
  try {
    return newFile(path, bytes, { isNew: !force, ended: () => old?.close() });
  } catch (cause) {
    old?.close();
    throw cause;
  }
}

function newFile(
  path: string,
  bytes: number,
  { isNew, ended }: { readonly isNew: boolean; readonly ended: () => void },
): MadeImage {
  const partial = partialFile(path, { isNew });
  try {
    ftruncateSync(partial.fd, bytes);
  } catch (cause) {
    partial.discard();
    throw new Failure('failed', `${path} cannot have ${bytes.toLocaleString('en')} bytes: ${reasonOf(cause)}`);
  }
  const opened = writableFile(partial.path, path);
  // Until it has its name nobody needs it to last, and then all of it does (`commit`): a file system that is filled flushes often.
  const file: WritableFile = {
    ...opened,
    get sizeBytes() {
      return opened.sizeBytes;
    },
    flush: async () => {},
  };
  let isOver = false;
  const end = (whole: boolean, length = bytes) => {
    if (isOver) return;
    isOver = true;
    file.close();
    try {
      if (whole) {
        if (length !== bytes) ftruncateSync(partial.fd, length);
        commit(path, partial);
      } else partial.discard();
    } finally {
      ended();
    }
  };
  return { file, keep: (length) => end(true, length), discard: () => end(false) };
}

/** Of two who make it at once the second is told. */
function commit(path: string, partial: PartialFile): void {
  try {
    partial.commit();
  } catch (cause) {
    partial.discard();
    if (hasCode(cause, 'EEXIST'))
      throw new Failure('failed', `${path} was made by somebody else meanwhile: --force replaces it`);
    throw cause;
  }
}
