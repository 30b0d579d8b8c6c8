/** What is compressed inside of a file (layers of a container's image, parts of an initramfs): undone into files without names. */

import type { Compression } from '../../archive/decompress.ts';
import type { ByteSource } from '../../storage/byte-source.ts';
import { chunksOf } from '../../storage/sources/chunks-of.ts';
import type { FileSource } from '../files/file-source.ts';
import { spoolUndone } from './spool-undone.ts';

export interface Unpacker {
  /** For `openDisk`. */
  unpack(source: ByteSource, compression: Compression): Promise<ByteSource>;
  /** Lets go of what was undone. */
  close(): Promise<void>;
}

/** `name` is the file's, for errors. */
export function unpacker(name: string): Unpacker {
  const opened: FileSource[] = [];
  return {
    async unpack(source, compression) {
      const undone = await spoolUndone(compression, chunksOf(source), name);
      opened.push(undone);
      return undone;
    },
    async close() {
      for (const source of opened.splice(0)) await source.close();
    },
  };
}
