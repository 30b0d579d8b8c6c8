/** Bytes that are read by range: a file, an object in a bucket, a Blob, a URL. What a disk is made of. */

/** Absent `write`: read-only. Absent `flush`: what was written is durable when `write` settles. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Why something of what it should be is known to be missing, as a sentence for people. Default: it is whole. */
  readonly cut?: string;
  /**
   * Fills all of `into` with the bytes from `offset` on, at once or later. Throws a RangeError when they are not all
   * inside `sizeBytes`, and a StorageError when they cannot be had: never fewer bytes, never zeros in their place.
   */
  read(offset: number, into: Uint8Array): void | Promise<void>;
  /** How many bytes from `offset` on, which is inside, are known to be zeros without being read. 0: not known. Absent: never known. */
  zerosAt?(offset: number): number | Promise<number>;
  /** Writes all of `from` at `offset`, inside `sizeBytes`: it does not grow by that. `from` is not kept once it has settled. */
  write?(offset: number, from: Uint8Array): void | Promise<void>;
  /** Makes it `sizeBytes` long, which is not less than it has; what is new reads as zeros. Absent: it cannot. */
  grow?(sizeBytes: number): void | Promise<void>;
  /** `write` is done when it returns, always. */
  readonly writesAtOnce?: boolean;
  /** Once it has settled, every write that had settled before is durable. */
  flush?(): void | Promise<void>;
  /** Makes a range, inside `sizeBytes`, read as zeros and take no room, or leaves it alone. */
  discard?(offset: number, length: number): void | Promise<void>;
}

/** The rule on ranges, said once for every source. */
export function checkBytes({ sizeBytes }: Pick<ByteSource, 'sizeBytes'>, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset + length <= sizeBytes) return;
  throw new RangeError(`${length} bytes at ${offset} are outside a source of ${sizeBytes} bytes`);
}

/** Bytes in memory, read-only. */
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
  const part: ByteSource = {
    sizeBytes,
    read(at, into) {
      checkBytes({ sizeBytes }, at, into.length);
      return source.read(offset + at, into);
    },
  };
  const { write, flush, zerosAt } = source;
  if (zerosAt) {
    part.zerosAt = async (at) => Math.min(await zerosAt.call(source, offset + at), sizeBytes - at);
  }
  if (write) {
    part.write = (at, from) => {
      checkBytes({ sizeBytes }, at, from.length);
      return write.call(source, offset + at, from);
    };
  }
  if (flush) part.flush = () => flush.call(source);
  return part;
}
