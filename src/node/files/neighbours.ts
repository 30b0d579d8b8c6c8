/** The files that an image names: what it builds on, its extents, its segments. */

import { realpathSync } from 'node:fs';
import { basename, dirname, join, parse, relative, resolve, win32 } from 'node:path';
import type { ByteSource } from '../../storage/byte-source.ts';
import type { FileUse } from '../../storage/formats/format.ts';
import { type FileSource, fileSource } from './file-source.ts';
import { imageToWrite } from './image-to-write.ts';
import type { WritableFile } from './writable-file.ts';

export interface Neighbours {
  /** For `openDisk`. Throws as `imageToWrite` does for what is written. */
  files(name: string, use?: FileUse): ByteSource | undefined;
  /** Closes what was opened. */
  close(): Promise<void>;
}

/**
 * Written is only what has the image's name with something behind it, as the extents of a VMDK have.
 *
 * Only files beside the image or below its folder, symlinks followed: an image comes from anywhere, and must not make this
 * machine's other files part of itself.
 */
export function neighbours(path: string): Neighbours {
  const folder = realFolder(path);
  const opened: Pick<FileSource | WritableFile, 'close'>[] = [];
  const find = (asked: string): string | undefined => {
    // Of segments only the ending is known: the rest is the image's own name.
    const name = asked.replace(/^\*(?=\.)/, () => parse(path).name);
    // Images that were moved with what they build on name it where it was, on whatever system.
    for (const candidate of [resolve(folder, name), join(folder, win32.basename(basename(name)))]) {
      const found = realPath(candidate);
      if (found !== undefined && !/^\.\.($|[\\/])/.test(relative(folder, found))) return found;
    }
    return undefined;
  };
  return {
    files(name, { write = false } = {}) {
      const found = find(name);
      if (found === undefined) return undefined;
      const isPart = write && basename(found).startsWith(`${parse(path).name}-`);
      const source = isPart ? imageToWrite(found) : fileSource(found);
      opened.push(source);
      return source;
    },
    async close() {
      for (const source of opened.splice(0)) await source.close();
    },
  };
}

const realFolder = (path: string): string => {
  const folder = dirname(resolve(path));
  return realPath(folder) ?? folder;
};

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
