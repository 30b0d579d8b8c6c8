/** An image file for whoever changes it: locked, with what an earlier change left to be done finished, in place or all at once. */

import { finishRedo, type RedoFile, redoFile } from './redo-file.ts';
import { type WritableFile, writableFile } from './writable-file.ts';

/** Throws as `writableFile` does. With `atomic` nothing of the file changes before `apply`. */
export function imageToWrite(path: string, options: { readonly atomic: true }): RedoFile;
export function imageToWrite(path: string, options?: { readonly atomic?: boolean }): WritableFile;
export function imageToWrite(path: string, { atomic = false } = {}): WritableFile {
  const file = writableFile(path);
  try {
    finishRedo(path, file);
    return atomic ? redoFile(path, file) : file;
  } catch (cause) {
    file.close();
    throw cause;
  }
}
