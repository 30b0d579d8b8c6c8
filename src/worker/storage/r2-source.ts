/** An image object in an R2 bucket, read by range and pinned to one version. */

import { type ByteSource, checkBytes } from '../../storage/byte-source.ts';
import { ImageChangedError, ImageNotFoundError, ReadFailedError } from '../../storage/errors.ts';
import { gate } from '../../storage/gate.ts';
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
export const RETRY_DELAYS_MS = [100, 400];

/** Its reads answer later, always, and cost a request each: what is in front of it should cache. */
export interface R2Source extends ByteSource {
  read(offset: number, into: Uint8Array): Promise<void>;
  /** Names the version every read is pinned to. */
  readonly etag: string;
  /** What was written along with it. */
  readonly customMetadata?: Readonly<Record<string, string>>;
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export interface R2SourceOptions {
  readonly pause?: (ms: number) => Promise<void>;
  /** Told of each read that is asked again. */
  readonly retried?: (() => void) | undefined;
}

/**
 * Open the object `key`: one `head`. Every read then carries the etag seen here, so a replaced or deleted object is an
 * ImageChangedError and data of two versions never mix. ImageNotFoundError if there is none.
 */
export async function r2Source(
  bucket: Pick<R2Bucket, 'head' | 'get'>,
  key: string,
  { pause = sleep, retried }: R2SourceOptions = {},
): Promise<R2Source> {
  const attempt = attempts(key, pause, retried);
  const object = await attempt(() => bucket.head(key));
  if (object === null) throw new ImageNotFoundError(key);
  const { etag, size, customMetadata } = object;
  return { ...reader(bucket, key, size, attempt, etag), etag, ...(customMetadata && { customMetadata }) };
}

/** An object that is never replaced, of a length that is known: nothing is asked before it is read. Deleted, it is an ImageChangedError. */
export const immutableSource = (
  bucket: Pick<R2Bucket, 'get'>,
  key: string,
  sizeBytes: number,
  { pause = sleep, retried }: R2SourceOptions = {},
): Omit<R2Source, 'etag'> => reader(bucket, key, sizeBytes, attempts(key, pause, retried), undefined);

type Attempt = <T>(task: () => Promise<T>) => Promise<T>;

/** Transient errors and answers that are not whole are tried three times in all; any other error, and the last, is a ReadFailedError. */
function attempts(key: string, pause: (ms: number) => Promise<void>, retried?: () => void): Attempt {
  const request = gate(MAX_REQUESTS);
  return async (task) => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await request(task);
      } catch (cause) {
        if (cause instanceof ImageChangedError) throw cause;
        const delayMs = RETRY_DELAYS_MS[tries];
        if (cause instanceof ReadFailedError && delayMs === undefined) throw cause;
        if (delayMs === undefined || !(cause instanceof ReadFailedError || isTransient(cause))) {
          throw new ReadFailedError(`R2 could not read ${key}: ${messageOf(cause)}`, { cause });
        }
        retried?.();
        await pause(delayMs);
      }
    }
  };
}

/** `etag`: the version that is meant, of an object that may be replaced. */
function reader(
  bucket: Pick<R2Bucket, 'get'>,
  key: string,
  sizeBytes: number,
  attempt: Attempt,
  etag: string | undefined,
): Omit<R2Source, 'etag'> {
  return {
    sizeBytes,
    async read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (into.length === 0) return;
      await attempt(async () => {
        const range = { offset, length: into.length };
        const onlyIf = etag === undefined ? undefined : { etagMatches: etag };
        const found = await bucket.get(key, { range, ...(onlyIf && { onlyIf }) });
        const isIt = found !== null && 'body' in found && (etag === undefined || found.etag === etag);
        if (!isIt) throw new ImageChangedError(key);
        mustBeRange(found, range, sizeBytes, key);
        await fill(into, found.body, `R2 object ${key}`);
      });
    },
  };
}

/** An answer to another question: it may be the right one the next time. */
function mustBeRange(
  { range, size }: Pick<R2ObjectBody, 'range' | 'size'>,
  wanted: { readonly offset: number; readonly length: number },
  sizeBytes: number,
  key: string,
): void {
  // Not every R2 says which range it is; fill() then finds one of another length.
  const { offset = wanted.offset, length = wanted.length } = range && !('suffix' in range) ? range : wanted;
  if (size === sizeBytes && offset === wanted.offset && length === wanted.length) return;
  const got = `${length} bytes at ${offset} of ${size}`;
  throw new ReadFailedError(`R2 object ${key}: ${got} came, not ${wanted.length} at ${wanted.offset} of ${sizeBytes}`);
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The Workers binding puts R2's code at the end of the message, in parentheses. */
function isTransient(cause: unknown): boolean {
  const message = messageOf(cause);
  const code = /\((\d+)\)$/.exec(message)?.[1];
  return code === undefined ? CONNECTION_LOST.test(message) : TRANSIENT_CODES.includes(Number(code));
}
