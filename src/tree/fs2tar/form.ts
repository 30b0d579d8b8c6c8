/** What a tree is written as: the walk is the same, how entries look is a form's own. */

import type { TarEntry } from '../../archive/tar/tar-writer.ts';
import type { MaybePromise } from '../../storage/block-device.ts';

/** Entries come one after the other, each whole before the next. What is pushed goes to a ChunkWriter that the walk drains. */
export interface ArchiveForm {
  /** Of the entry that lists what is missing. */
  readonly errorsName: string;
  /** Further names of a file refer to its first one; without, each has the data. */
  readonly hasHardLinks: boolean;
  /** Holes are told, and are no data. */
  readonly hasHoles: boolean;
  /** What has a place in it; the rest is left out and counted. */
  readonly hasSpecialFiles: boolean;
  readonly hasXattrs: boolean;
  /** One without data. */
  entry(entry: TarEntry): MaybePromise<void>;
  /** A file with data, and its `size`: some of `data`, then `end`. Throws a KernelError for what it cannot have. */
  begin(file: TarEntry): MaybePromise<void>;
  /** `bytes` may change once it has settled. */
  data(bytes: Uint8Array): MaybePromise<void>;
  end(file: TarEntry): MaybePromise<void>;
  finish(): MaybePromise<void>;
  /** It is left in the middle. */
  leave?(): void;
}
