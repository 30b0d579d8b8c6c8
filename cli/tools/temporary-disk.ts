/** A disk in a file without a name, for what is needed only now. */

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writableFile } from '../../src/node/files/writable-file.ts';
import { leaves } from '../../src/node/left-behind.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { rawDevice } from '../../src/storage/raw-device.ts';

export interface TemporaryDisk {
  readonly device: BlockDevice;
  close(): void;
}

/** `bytes` cost nothing until they are written. */
export function temporaryDisk(bytes: number): TemporaryDisk {
  let folder = '';
  // Before it is there: no signal comes in between.
  const gone = leaves(() => rmSync(folder, { recursive: true, force: true }));
  folder = mkdtempSync(join(tmpdir(), 'lkl-'));
  const path = join(folder, 'disk');
  const fd = openSync(path, 'wx');
  ftruncateSync(fd, bytes);
  closeSync(fd);
  const file = writableFile(path);
  return {
    // What is lost when this process ends needs no flush.
    device: { ...rawDevice(file), flush: () => {} },
    close() {
      file.close();
      rmSync(folder, { recursive: true, force: true });
      gone();
    },
  };
}
