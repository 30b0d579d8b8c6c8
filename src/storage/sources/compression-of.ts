/** Whether a file is compressed: by how it begins, unless its end says that it is a disk image of compressed pieces. */

import {
  type Compression,
  detectCompression,
  endsAsDmg,
  MAGIC_BYTES,
  mayBeginDmg,
  TRAILER_BYTES,
} from '../../archive/decompress.ts';
import type { ByteSource } from '../byte-source.ts';
import { BehindEndError } from '../errors.ts';

/** The first piece of an Apple disk image may be a bzip2 or an xz file of its own: the rest of it would be lost. */
export async function compressionOf(source: ByteSource): Promise<Compression | undefined> {
  const head = new Uint8Array(Math.min(MAGIC_BYTES, source.sizeBytes));
  await source.read(0, head);
  const compression = detectCompression(head);
  if (compression === undefined || !mayBeginDmg(compression)) return compression;
  const tail = new Uint8Array(Math.min(TRAILER_BYTES, source.sizeBytes));
  try {
    await source.read(source.sizeBytes - tail.length, tail);
  } catch (cause) {
    if (!(cause instanceof BehindEndError)) throw cause;
  }
  return endsAsDmg(tail) ? undefined : compression;
}
