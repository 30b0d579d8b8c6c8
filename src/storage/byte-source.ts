/** Bytes that are read by range: a file, an object in a bucket, a Blob, a URL. What a disk is made of. */

export interface ByteSource {
  readonly sizeBytes: number;
  /**
   * Fills all of `into` with the bytes from `offset` on, at once or later. Throws a RangeError when they are not all
   * inside `sizeBytes`, and a StorageError when they cannot be had: never fewer bytes, never zeros in their place.
   */
  read(offset: number, into: Uint8Array): void | Promise<void>;
}

/** The rule on ranges, said once for every source. */
export function checkBytes({ sizeBytes }: Pick<ByteSource, 'sizeBytes'>, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset + length <= sizeBytes) return;
  throw new RangeError(`${length} bytes at ${offset} are outside a source of ${sizeBytes} bytes`);
}

/** Bytes in memory. */
export const memorySource = (bytes: Uint8Array): ByteSource => ({
  sizeBytes: bytes.length,
  read(offset, into) {
    checkBytes({ sizeBytes: bytes.length }, offset, into.length);
    into.set(bytes.subarray(offset, offset + into.length));
  },
});

/** The `sizeBytes` bytes of `source` from `offset` on, which must all be there. */
export function window(source: ByteSource, offset: number, sizeBytes: number): ByteSource {
  checkBytes(source, offset, sizeBytes);
  return {
    sizeBytes,
    read(at, into) {
      checkBytes({ sizeBytes }, at, into.length);
      return source.read(offset + at, into);
    },
  };
}
