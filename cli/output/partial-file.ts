/** A file that has its name only once it is whole. */

import { closeSync, fchmodSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { leaves } from '../../src/node/left-behind.ts';

export interface PartialFile {
  /** Open to be written and read. */
  readonly fd: number;
  /** The name that it has until then. */
  readonly path: string;
  /** All is written, and lasts: what had the name is replaced. */
  commit(): void;
  /** What is not committed is gone. Again, or after `commit`: nothing. */
  discard(): void;
}

/** A new one beside `path`, of which symlinks are followed; whatever ends the process removes it. It is for those that what is there is for. */
export function partialFile(path: string): PartialFile {
  const old = statSync(path, { throwIfNoEntry: false });
  const target = old ? realpathSync(path) : path;
  const partial = join(dirname(target), `.lkl-${process.pid}.partial`);
  const fd = openSync(partial, 'wx+', 0o666);
  const gone = leaves(partial);
  if (old) fchmodSync(fd, old.mode & 0o777);
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  let isOver = false;
  const end = () => {
    isOver = true;
    gone();
  };
  return {
    fd,
    path: partial,
    commit() {
      fsyncSync(fd);
      close();
      renameSync(partial, target);
      end();
    },
    discard() {
      if (isOver) return;
      close();
      rmSync(partial, { force: true });
      end();
    },
  };
}
