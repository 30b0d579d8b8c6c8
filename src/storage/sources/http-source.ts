/** A file on a web server, read by range and pinned to one version of it. */

import { type ByteSource, checkBytes } from '../byte-source.ts';
import { ImageChangedError, ImageNotFoundError, ReadFailedError } from '../errors.ts';

/** The part of fetch() that is used. */
export type Fetch = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
) => Promise<Response>;

export interface HttpOptions {
  readonly fetch: Fetch;
  /** Settles after so many milliseconds: what lies between a request that failed and the next. */
  readonly pause: (ms: number) => Promise<void>;
  /** Sent with every request: authorization, for instance. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long a request may take. Default: a minute. */
  readonly timeoutMs?: number;
}

export interface HttpSource extends ByteSource {
  read(offset: number, into: Uint8Array): Promise<void>;
  /** What the server names the version by: its ETag, else Last-Modified; undefined where it gives neither. */
  readonly version: string | undefined;
}

/** The server sends files whole only. */
export class NoRangesError extends ReadFailedError {
  constructor(url: string) {
    super(`${url}: the server does not answer requests for a part of a file (ranges)`);
  }
}

const TIMEOUT_MS = 60_000;
/** Before the second attempt, the third and the fourth, unless the server says another time. */
const PAUSES_MS = [250, 1000, 4000];
const LONGEST_PAUSE_MS = 30_000;

/** RFC 9110 15: what may well go better at the next attempt. */
const isTransient = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/**
 * One request tells the size and the version. A read that meets another version is an ImageChangedError: what two of them have
 * is never mixed. Rejects with an ImageNotFoundError, or a NoRangesError where the server answers with the whole file.
 */
export async function httpSource(url: string, options: HttpOptions): Promise<HttpSource> {
  const first = await ask(url, 'bytes=0-0', options);
  const range = contentRange(first);
  await first.body?.cancel();
  if (first.status === 404 || first.status === 410) throw new ImageNotFoundError(url);
  // An empty file has no first byte.
  if (first.status === 416 && range?.sizeBytes === 0) return { sizeBytes: 0, version: versionOf(first), read: nothing };
  if (first.status === 200) throw new NoRangesError(url);
  if (first.status !== 206 || range === undefined) throw refused(url, first);
  const { sizeBytes } = range;
  const version = versionOf(first);
  return {
    sizeBytes,
    version,
    async read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (into.length === 0) return;
      const last = offset + into.length - 1;
      for (let attempt = 0; ; attempt += 1) {
        const found = await ask(url, `bytes=${offset}-${last}`, options, attempt);
        try {
          await take(found, { url, offset, last, sizeBytes, version }, into);
          return;
        } catch (cause) {
          if (!(cause instanceof BrokeOffError) || attempt >= PAUSES_MS.length) throw cause;
        }
      }
    },
  };
}

async function nothing(offset: number, into: Uint8Array): Promise<void> {
  checkBytes({ sizeBytes: 0 }, offset, into.length);
}

/** The connection ended in the middle of a body: worth another attempt. */
class BrokeOffError extends ReadFailedError {}

/** An answer that is no passing failure, at the `from`th attempt or a later one. */
async function ask(url: string, range: string, options: HttpOptions, from = 0): Promise<Response> {
  const { fetch, pause, headers = {}, timeoutMs = TIMEOUT_MS } = options;
  for (let attempt = from; ; attempt += 1) {
    const nextMs = PAUSES_MS[attempt];
    try {
      const found = await fetch(url, {
        // Of a body that is encoded on the way, a range is another one.
        headers: { ...headers, range, 'accept-encoding': 'identity' },
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (nextMs === undefined || !isTransient(found.status)) return found;
      await found.body?.cancel();
      await pause(retryAfterMs(found) ?? nextMs);
    } catch (cause) {
      if (nextMs === undefined) throw new ReadFailedError(`${url}: ${reasonOf(cause)}`, { cause });
      await pause(nextMs);
    }
  }
}

/** fetch() says what went wrong in the cause of its error. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}

/** RFC 9110 10.2.3, in seconds; a date is left to the next attempt to find out. */
function retryAfterMs(found: Response): number | undefined {
  const seconds = Number(found.headers.get('retry-after') ?? Number.NaN);
  return seconds >= 0 ? Math.min(seconds * 1000, LONGEST_PAUSE_MS) : undefined;
}

const versionOf = ({ headers }: Response): string | undefined =>
  headers.get('etag') ?? headers.get('last-modified') ?? undefined;

/** RFC 9110 14.4; `first` is absent where the range could not be satisfied. */
function contentRange({ headers }: Response): { first?: number; last?: number; sizeBytes: number } | undefined {
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/.exec(headers.get('content-range') ?? '');
  if (match === null) return undefined;
  const [, first, last, size] = match;
  return {
    ...(first !== undefined && last !== undefined && { first: Number(first), last: Number(last) }),
    sizeBytes: Number(size),
  };
}

interface Wanted {
  readonly url: string;
  readonly offset: number;
  readonly last: number;
  readonly sizeBytes: number;
  readonly version: string | undefined;
}

/** Fills `into` from an answer that is what was asked for. */
async function take(found: Response, wanted: Wanted, into: Uint8Array): Promise<void> {
  const { url, offset, last, sizeBytes, version } = wanted;
  const range = contentRange(found);
  const isSame = versionOf(found) === version && (range === undefined || range.sizeBytes === sizeBytes);
  const isWhole = found.status === 200 && into.length === sizeBytes;
  const isPart = found.status === 206 && range?.first === offset && range.last === last;
  if (!isSame || !(isPart || isWhole)) {
    await found.body?.cancel();
    const isGone = !isSame || [404, 410, 412, 416].includes(found.status);
    throw isGone ? new ImageChangedError(url) : refused(url, found);
  }
  let filled = 0;
  try {
    for await (const chunk of found.body ?? []) {
      if (filled + chunk.length > into.length) throw new ReadFailedError(`${url}: more bytes came than were asked for`);
      into.set(chunk, filled);
      filled += chunk.length;
    }
  } catch (cause) {
    throw cause instanceof ReadFailedError ? cause : new BrokeOffError(`${url}: ${reasonOf(cause)}`, { cause });
  }
  if (filled < into.length) throw new BrokeOffError(`${url}: ${filled} of ${into.length} bytes came`);
}

const refused = (url: string, { status, statusText }: Response): ReadFailedError =>
  new ReadFailedError(`${url}: the server answered ${status}${statusText ? ` ${statusText}` : ''}`);
