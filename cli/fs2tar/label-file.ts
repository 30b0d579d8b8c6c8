/** The file that LKL's `fs2tar -s` writes beside the tar: a line for each file that has an SELinux label, its path and the label. */

import { writeSync } from 'node:fs';
import { Failure, reasonOf } from '../failure.ts';
import { partialFile } from '../output/partial-file.ts';

export interface LabelFile {
  /** `path` as the tar has it: "./etc/passwd". */
  add(path: Uint8Array, label: Uint8Array): void;
  /** It has its name from now on; what is not committed is removed at exit. */
  commit(): void;
}

const PIECE_BYTES = 64 * 1024;

export function labelFile(file: string): LabelFile {
  const partial = written(file, () => partialFile(file));
  let held: Buffer[] = [];
  let bytes = 0;
  const write = () => {
    const all = Buffer.concat(held);
    for (let at = 0; at < all.length; ) at += written(file, () => writeSync(partial.fd, all, at));
    held = [];
    bytes = 0;
  };
  return {
    add(path, label) {
      const line = Buffer.from(`${fromTop(path)} ${text(label)}\n`, 'latin1');
      held.push(line);
      bytes += line.length;
      if (bytes > PIECE_BYTES) write();
    },
    commit() {
      write();
      written(file, () => partial.commit());
    },
  };
}

function written<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Failure('failed', `${file} cannot be written: ${reasonOf(cause)}`);
  }
}

/** "." is "/", "./etc" is "/etc"; what would end the line is octal, as in /proc/mounts. */
const fromTop = (path: Uint8Array): string =>
  Buffer.from(path)
    .toString('latin1')
    .replace(/^\.\/?/, '/')
    .replaceAll(/[\n\\]/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, '0')}`);

/** A label is a C string, its NUL included. */
const text = (label: Uint8Array): string => Buffer.from(label).toString('latin1').replace(/\0.*$/s, '');
