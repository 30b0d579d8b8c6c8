/** Blocks that memory is too dear for, in a file without a name in the folder for temporary files. */

import { randomUUID } from 'node:crypto';
import { close, openSync, read, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StorageError } from '../../storage/errors.ts';
import type { Spill } from '../../storage/layers/changes.ts';
import { unlinked } from './unlinked.ts';

const readLater = promisify(read);
const writeLater = promisify(write);
const closeLater = promisify(close);

const BLOCK_BYTES = 4096;

/** Whatever ends the process, the file goes with it (on Windows: with `close`). */
export function fileSpill(folder = tmpdir()): Spill {
  const path = join(folder, `lkl-${randomUUID()}`);
  const fd = openSync(path, 'wx+', 0o600);
  const isGone = unlinked(path);
  return {
    async write(slot, block) {
      const { bytesWritten } = await writeLater(fd, block, 0, BLOCK_BYTES, slot * BLOCK_BYTES).catch((cause) => {
        throw full(folder, cause);
      });
      if (bytesWritten < BLOCK_BYTES) throw full(folder);
    },
    async read(slot, into) {
      await readLater(fd, into, 0, BLOCK_BYTES, slot * BLOCK_BYTES);
    },
    async close() {
      await closeLater(fd);
      if (!isGone) unlinked(path);
    },
  };
}

const full = (folder: string, cause?: unknown): StorageError =>
  new StorageError('ENOSPC', `the temporary folder ${folder} does not take more (TMPDIR names another)`, { cause });
