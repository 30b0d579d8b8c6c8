/** A Blob, or the File a person dropped, as a source of bytes. In a Web Worker it is read at once, elsewhere later. */

import { type ByteSource, checkBytes } from '../storage/byte-source.ts';
import { ReadFailedError } from '../storage/errors.ts';

/** ReadFailedError when the file changed or went away since it was chosen (File API, NotReadableError). */
export function blobSource(blob: Blob): ByteSource {
  const { size: sizeBytes } = blob;
  const part = (offset: number, length: number) => blob.slice(offset, offset + length);
  const failed = (cause: unknown) =>
    new ReadFailedError(`the file cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause });
  const put = (bytes: ArrayBuffer, into: Uint8Array) => {
    if (bytes.byteLength !== into.length) throw failed(`${bytes.byteLength} of ${into.length} bytes came`);
    into.set(new Uint8Array(bytes));
  };
  const reader = typeof FileReaderSync === 'undefined' ? undefined : new FileReaderSync();
  return {
    sizeBytes,
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (!reader) {
        return part(offset, into.length)
          .arrayBuffer()
          .catch((cause: unknown) => {
            throw failed(cause);
          })
          .then((bytes) => put(bytes, into));
      }
      let bytes: ArrayBuffer;
      try {
        bytes = reader.readAsArrayBuffer(part(offset, into.length));
      } catch (cause) {
        throw failed(cause);
      }
      put(bytes, into);
    },
  };
}
