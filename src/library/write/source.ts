/** What can hold an image that is written, as a source that is written where it lies. */

import { fileURLToPath } from 'node:url';
import { HostError } from '../../errors/host-error.ts';
import { imageToWrite } from '../../node/files/image-to-write.ts';
import { neighbours } from '../../node/files/neighbours.ts';
import { mustBeOneFile } from '../../node/files/pieces/pieces.ts';
import { type ByteSource, checkBytes } from '../../storage/byte-source.ts';
import { type ImageSource, type OpenedSource, openSource } from '../open/source.ts';

/** Rejects with `read-only-device` where nothing can be written: URLs, Blobs, standard input, a source without `write`. */
export async function openToWrite(image: ImageSource): Promise<OpenedSource> {
  if (image instanceof URL && image.protocol === 'file:') return openToWrite(fileURLToPath(image));
  if (typeof image === 'string' && image !== '-') {
    await mustBeOneFile(image);
    const file = imageToWrite(image);
    const { files, close } = neighbours(image);
    return { source: file, isSlow: false, files, close: () => close().then(() => file.close()) };
  }
  if (image instanceof ArrayBuffer) return openToWrite(new Uint8Array(image));
  if (image instanceof Uint8Array) return { source: memory(image), isSlow: false, close: async () => {} };
  if (typeof image === 'object' && 'write' in image && typeof image.write === 'function') return openSource(image);
  throw new HostError('read-only-device');
}

const memory = (bytes: Uint8Array): ByteSource => ({
  sizeBytes: bytes.length,
  writesAtOnce: true,
  read(offset, into) {
    checkBytes({ sizeBytes: bytes.length }, offset, into.length);
    into.set(bytes.subarray(offset, offset + into.length));
  },
  write(offset, from) {
    checkBytes({ sizeBytes: bytes.length }, offset, from.length);
    bytes.set(from, offset);
  },
});
