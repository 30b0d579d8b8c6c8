/** An image object in an R2 bucket, read by range and pinned to one version. */

import { type BlockDevice, SECTOR } from '../../storage/block-device.ts';
import { ImageChangedError, ImageNotFoundError, ReadFailedError } from '../../storage/errors.ts';
import { gate } from '../../storage/gate.ts';
import { checkRange } from '../../storage/range.ts';
import { fill } from './fill.ts';

/** A Worker invocation may have this many connections waiting for headers; R2 reads are among them. */
const MAX_REQUESTS = 6;

/**
 * R2's errors that a repeated read may not meet again: 10001 InternalError, 10043 ServiceUnavailable,
 * 10054 ClientDisconnect, 10058 TooManyRequests, and 0, an answer R2 did not write.
 * https://developers.cloudflare.com/r2/api/error-codes/
 */
const TRANSIENT_CODES: readonly number[] = [0, 10001, 10043, 10054, 10058];

/** The runtime's own error for the same: https://developers.cloudflare.com/workers/observability/errors/#runtime-errors */
const CONNECTION_LOST = /network connection lost/i;

/** Pauses before the second and the third, last, attempt. */
const RETRY_DELAYS_MS = [100, 400];

/** A read-only device. Its reads answer later, always; a device in front of it should cache. */
export interface R2Device extends BlockDevice {
  read(sector: number, into: Uint8Array): Promise<void>;
  /** Bytes of the object; the last sector reads as zeros past them. */
  readonly sizeBytes: number;
  /** Names the version every read is pinned to. */
  readonly etag: string;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Open the object `key`: one `head`. Every read then carries the etag seen here, so a replaced or deleted object is an
 * ImageChangedError and data of two versions never mix. ImageNotFoundError if there is none.
 */
export async function r2Device(
  bucket: Pick<R2Bucket, 'head' | 'get'>,
  key: string,
  { pause = sleep }: { readonly pause?: (ms: number) => Promise<void> } = {},
): Promise<R2Device> {
  const request = gate(MAX_REQUESTS);

  /** Transient errors are tried three times in all; any other, and the last of these, is a ReadFailedError. */
  const attempt = async <T>(task: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await request(task);
      } catch (cause) {
        if (cause instanceof ImageChangedError || cause instanceof ReadFailedError) throw cause;
        const delayMs = RETRY_DELAYS_MS[tries];
        if (delayMs === undefined || !isTransient(cause)) {
          throw new ReadFailedError(`R2 could not read ${key}: ${messageOf(cause)}`, { cause });
        }
        await pause(delayMs);
      }
    }
  };

  const object = await attempt(() => bucket.head(key));
  if (object === null) throw new ImageNotFoundError(key);
  const { etag, size: sizeBytes } = object;

  const device: R2Device = {
    sectors: Math.ceil(sizeBytes / SECTOR),
    sizeBytes,
    etag,
    async read(sector, into) {
      checkRange(device, sector, into.length);
      const offset = sector * SECTOR;
      const wanted = into.subarray(0, sizeBytes - offset);
      if (wanted.length > 0) {
        await attempt(async () => {
          const range = { offset, length: wanted.length };
          const found = await bucket.get(key, { onlyIf: { etagMatches: etag }, range });
          if (found === null || !('body' in found)) throw new ImageChangedError(key);
          await fill(wanted, found.body, `R2 object ${key}`);
        });
      }
      into.fill(0, wanted.length);
    },
  };
  return device;
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The Workers binding puts R2's code at the end of the message, in parentheses. */
function isTransient(cause: unknown): boolean {
  const message = messageOf(cause);
  const code = /\((\d+)\)$/.exec(message)?.[1];
  return code === undefined ? CONNECTION_LOST.test(message) : TRANSIENT_CODES.includes(Number(code));
}
