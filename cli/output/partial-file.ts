/** A file that has its name only once it is whole. */

import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode } from '../../src/errors/has-code.ts';
import { leaves } from '../../src/node/left-behind.ts';
import { partialName, removeLeft } from './partial-name.ts';

export interface PartialFile {
  /** Open to be written and read. */
  readonly fd: number;
  /** The name that it has until then. */
  readonly path: string;
  /** All is written, and lasts: what had the name is replaced; with `isNew` it throws EEXIST where something has it by now. */
  commit(): void;
  /** What is not committed is gone. Again, or after `commit`: nothing. */
  discard(): void;
}

/** A new one beside `path`, of which symlinks are followed; whatever ends the process removes it. It is for those that what is there is for. */
export function partialFile(path: string, { isNew = false } = {}): PartialFile {
  const old = statSync(path, { throwIfNoEntry: false });
  const target = old ? realpathSync(path) : path;
  const { path: partial, fd, gone } = opened(dirname(target));
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
      if (isNew) named(partial, target);
      else renameSync(partial, target);
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

/** link(2) never replaces anything. Where there are no links (FAT, some shares) the name is taken first, by an empty file. */
function named(partial: string, target: string): void {
  if (statSync(target, { throwIfNoEntry: false })?.size === 0) {
    renameSync(partial, target);
    return;
  }
  try {
    linkSync(partial, target);
    rmSync(partial);
  } catch (cause) {
    if (hasCode(cause, 'EEXIST')) throw cause;
    closeSync(openSync(target, 'wx'));
    renameSync(partial, target);
  }
}

function opened(folder: string): { readonly path: string; readonly fd: number; readonly gone: () => void } {
  removeLeft(folder);
  const path = join(folder, partialName());
  // Before it is there: no signal comes in between.
  let isOurs = false;
  const gone = leaves(() => isOurs && rmSync(path, { force: true }));
  try {
    const fd = openSync(path, 'wx+', 0o666);
    isOurs = true;
    return { path, fd, gone };
  } catch (cause) {
    gone();
    throw cause;
  }
}
