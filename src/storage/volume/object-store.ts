/** What a volume is kept in: objects by key that are written whole, as those of R2 and S3 are. */

import { StorageError } from '../errors.ts';

/** What a version is made of is no more: the image was replaced or deleted, or the version dropped, while it was in use. */
export class ObjectGoneError extends StorageError {
  override readonly name = 'ObjectGoneError';

  constructor(key: string) {
    super('ESTALE', `the image was replaced or deleted, or its version dropped, while it was in use: ${key} is gone`);
  }
}

/** An object's bytes, and what names this version of it. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly storedMs: number;
}

/**
 * A write that rejects may have happened all the same. Keys are those of one volume: two volumes never see each other's objects.
 */
export interface ObjectStore {
  get(key: string): Promise<StoredObject | undefined>;
  /** Exactly `into.length` bytes from `offset` on, or a rejection; with ObjectGoneError where there is no such object. */
  read(key: string, offset: number, into: Uint8Array): Promise<void>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  /**
   * Puts it only where the object still is `etag`, or where there is none (undefined). Atomic: of several at a time one
   * succeeds. Answers the new one's etag, undefined if it was another.
   */
  swap(key: string, bytes: Uint8Array, etag: string | undefined): Promise<string | undefined>;
  /** Those that are not there are no error. */
  delete(keys: readonly string[]): Promise<void>;
  list(prefix: string): AsyncIterable<ListedObject>;
}
