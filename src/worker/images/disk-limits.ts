/** What disks of a Worker are bounded by. */

import { StorageError } from '../../storage/errors.ts';
import type { OpenDiskOptions } from '../../storage/open-disk.ts';
import { workerChunks } from '../decoders.ts';

/** Files of an archive that is read like an image: each takes 200 bytes of the isolate's memory, and 900 while it is opened (measured, 25,000 to 100,000 files). */
const MAX_ENTRIES = 25_000;

/** What of an image has to be in memory at once: tools write chunks of 8 MiB at most, and logs of 1 MiB. */
const MAX_PIECE_BYTES = 8 * 2 ** 20;

/** Of every disk that an isolate opens. */
export const bounded = {
  maxEntries: MAX_ENTRIES,
  maxPieceBytes: MAX_PIECE_BYTES,
  chunks: workerChunks,
} as const satisfies OpenDiskOptions;

const notUnpacked: NonNullable<OpenDiskOptions['unpack']> = async (_source, compression) => {
  throw new StorageError(
    'EOPNOTSUPP',
    `what is in the image is packed with ${compression}, which is undone where files and tars of stored images are asked for, and not here: what GET /v1/images/{name}/tar answers is the same tree unpacked, and can be stored as an image`,
  );
};

/** Of disks that last longer than what is undone for one request: those of batches, sessions and programs, and those that go out. */
export const lasting = { ...bounded, unpack: notUnpacked } as const satisfies OpenDiskOptions;
