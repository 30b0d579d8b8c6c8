/** An image file for whoever changes it: locked, with what an earlier change left to be done finished, in place or all at once. */

import { mustNotBeMounted } from './file-lock.ts';
import { finishRedo, type RedoFile, redoFile } from './redo-file.ts';
import { type WritableFile, writableFile } from './writable-file.ts';

/** Throws as `writableFile` does, and `image-in-use` where this machine's Linux has it mounted. With `atomic` nothing of the file changes before `apply`. */
export function imageToWrite(path: string, options: { readonly atomic: true }): RedoFile;
export function imageToWrite(path: string, options?: { readonly atomic?: boolean }): WritableFile;
export function imageToWrite(path: string, { atomic = false } = {}): WritableFile {
  mustNotBeMounted(path);
  const file = writableFile(path);
  try {
    finishRedo(path, file);
    return atomic ? redoFile(path, file) : file;
  } catch (cause) {
    file.close();
    throw cause;
  }
}
