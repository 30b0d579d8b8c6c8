/** A Blob, or the File a person dropped, as a source of bytes. In a Web Worker it is read at once, elsewhere later. */

import { type ByteSource, checkBytes } from '../storage/byte-source.ts';
import { ReadFailedError } from '../storage/errors.ts';

/** ReadFailedError when the file changed or went away since it was chosen (File API, NotReadableError). */
export function blobSource(blob: Blob): ByteSource {
  const { size: sizeBytes } = blob;
  const reader = typeof FileReaderSync === 'undefined' ? undefined : new FileReaderSync();
  return {
    sizeBytes,
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      const part = blob.slice(offset, offset + into.length);
      return reader ? readNow(reader, part, into) : readLater(part, into);
    },
  };
}

function readNow(reader: FileReaderSync, part: Blob, into: Uint8Array): void {
  let bytes: ArrayBuffer;
  try {
    bytes = reader.readAsArrayBuffer(part);
  } catch (cause) {
    throw failed(cause);
  }
  put(bytes, into);
}

async function readLater(part: Blob, into: Uint8Array): Promise<void> {
  const bytes = await part.arrayBuffer().catch((cause: unknown) => {
    throw failed(cause);
  });
  put(bytes, into);
}

function put(bytes: ArrayBuffer, into: Uint8Array): void {
  if (bytes.byteLength !== into.length) throw failed(`${bytes.byteLength} of ${into.length} bytes came`);
  into.set(new Uint8Array(bytes));
}

const failed = (cause: unknown) =>
  new ReadFailedError(`the file cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause });
