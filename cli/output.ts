/** Where a tar goes: standard output, or a file that has its name only once it is whole. */

import { createWriteStream, existsSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { Failure } from './failure.ts';

export interface Output {
  /** To be called once. */
  open(): Writable;
  /** Call it when the stream has ended well; what is not committed is removed at exit. */
  commit(): void;
}

/** `path` undefined or `-`: standard output, which must not be a terminal. */
export function openOutput(path: string | undefined): Output {
  if (path === undefined || path === '-') {
    if (process.stdout.isTTY) {
      throw new Failure('usage', 'a tar does not belong on a terminal: redirect the output, or name a file with -o');
    }
    return { open: () => process.stdout, commit: () => {} };
  }
  const exists = existsSync(path);
  if (exists && !statSync(path).isFile()) return { open: () => createWriteStream(path), commit: () => {} };

  const target = exists ? realpathSync(path) : path;
  const partial = join(dirname(target), `.${basename(target)}.${process.pid}.partial`);
  const remove = () => rmSync(partial, { force: true });
  return {
    open() {
      process.once('exit', remove);
      return createWriteStream(partial, { flags: 'wx', flush: true });
    },
    commit() {
      renameSync(partial, target);
      process.off('exit', remove);
    },
  };
}
