/** HTTP/1.1 as a client speaks it (RFC 9112): one request, one answer, over a byte stream of its own. */

import { fromLatin1 } from '../../bytes/latin1.ts';
import type { ByteStream } from '../sockets/byte-stream.ts';
import { ProtocolError, StreamReader } from './reader.ts';

export type Header = readonly [name: string, value: string];

export interface HttpRequest {
  readonly method: string;
  /** In origin form: `/path?query`. */
  readonly target: string;
  readonly headers: readonly Header[];
  readonly body?: AsyncIterable<Uint8Array> | undefined;
  /** What its Content-Length says; absent: it is chunked. */
  readonly length?: number | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
  /** In the order in which it comes; rejects when it breaks off. Absent: an answer that has none. */
  readonly body?: AsyncGenerator<Uint8Array, void, void>;
  /** What follows the head, where both sides go over to something else (101). */
  readonly reader: StreamReader;
}

const LINE_BYTES = 16_384;
const MOST_HEADERS = 200;
const MOST_INTERIM = 16;
const MOST_BODY = Number.MAX_SAFE_INTEGER;

/** RFC 9110 7.6.1: these are of one connection, and not passed on. */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What of a message's headers goes on to the next hop. */
export function passedOn(headers: readonly Header[]): readonly Header[] {
  const named = new Set(
    headers
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((one) => one.trim().toLowerCase())),
  );
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !ofConnection.has(lower) && !named.has(lower);
  });
}

/** Sends the request and its body; settles with the head of the answer, which may come before the body was taken. */
export async function exchange(stream: ByteStream, request: HttpRequest): Promise<HttpAnswer> {
  await stream.write(fromLatin1(headOf(request)));
  const reader = new StreamReader(stream);
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => {}); // nobody waits for it any more once there is an answer
  // A server may answer, and hang up, without having read all: then its answer counts.
  sendBody(stream, request, reject).catch(() => {});
  const { status, reason, headers } = await Promise.race([readHead(reader), broken]);
  const body = bodyOf(request.method, status, headers, reader);
  return { status, reason, headers, reader, ...(body && { body }) };
}

function headOf({ method, target, headers, body, length }: HttpRequest): string {
  const framing: Header[] = [];
  if (body) framing.push(length === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', `${length}`]);
  else if (/^(POST|PUT|PATCH)$/.test(method)) framing.push(['Content-Length', '0']);
  const lines = [...headers, ...framing].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** `broken` is told when whoever sends the body does not go on: nothing will come of the request. */
async function sendBody(
  stream: ByteStream,
  { body, length }: HttpRequest,
  broken: (cause: unknown) => void,
): Promise<void> {
  if (!body) return;
  for await (const bytes of watched(body, broken)) {
    if (bytes.length === 0) continue;
    if (length === undefined) await stream.write(fromLatin1(`${bytes.length.toString(16)}\r\n`));
    await stream.write(bytes);
    if (length === undefined) await stream.write(fromLatin1('\r\n'));
  }
  if (length === undefined) await stream.write(fromLatin1('0\r\n\r\n'));
}

async function* watched<T>(source: AsyncIterable<T>, broken: (cause: unknown) => void): AsyncGenerator<T, void, void> {
  try {
    yield* source;
  } catch (cause) {
    broken(cause);
    throw cause;
  }
}

async function readHead(reader: StreamReader): Promise<Pick<HttpAnswer, 'status' | 'reason' | 'headers'>> {
  for (let interim = 0; interim < MOST_INTERIM; interim++) {
    const line = await reader.line(LINE_BYTES);
    if (line === undefined) throw new ProtocolError('it hung up without an answer');
    const [, status, reason = ''] = /^HTTP\/1\.[01] +([1-5]\d\d)(?: +(.*))?$/s.exec(line) ?? [];
    if (status === undefined) throw new ProtocolError('what it answered is no HTTP/1.1');
    const headers = await readHeaders(reader);
    const isInterim = status.startsWith('1') && status !== '101';
    if (!isInterim) return { status: Number(status), reason, headers };
  }
  throw new ProtocolError('it never comes to its answer');
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

async function readHeaders(reader: StreamReader): Promise<Header[]> {
  const headers: Header[] = [];
  for (;;) {
    const line = await reader.line(LINE_BYTES);
    if (line === undefined) throw new ProtocolError('it broke off in the head of its answer');
    if (line === '') return headers;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    if (colon < 1 || !TOKEN.test(name) || /[\0\r]/.test(value))
      throw new ProtocolError('its answer has a header that is none');
    headers.push([name, value]);
    if (headers.length > MOST_HEADERS) throw new ProtocolError(`its answer has more than ${MOST_HEADERS} headers`);
  }
}

const valuesOf = (headers: readonly Header[], wanted: string): string[] =>
  headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);

/** RFC 9112 6.3. */
function bodyOf(
  method: string,
  status: number,
  headers: readonly Header[],
  reader: StreamReader,
): AsyncGenerator<Uint8Array, void, void> | undefined {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return undefined;
  const codings = valuesOf(headers, 'transfer-encoding').flatMap((value) => value.split(','));
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]?.trim().toLowerCase() !== 'chunked')
      throw new ProtocolError(`its answer has a transfer coding that is not understood: ${codings.join(',').trim()}`);
    return chunked(reader);
  }
  const lengths = new Set(
    valuesOf(headers, 'content-length').flatMap((value) => value.split(',').map((one) => one.trim())),
  );
  if (lengths.size === 0) return untilEnd(reader);
  const [length = ''] = lengths;
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length))
    throw new ProtocolError('its answer has a Content-Length that is none');
  return sized(reader, Number(length));
}

async function* untilEnd(reader: StreamReader): AsyncGenerator<Uint8Array, void, void> {
  for (let bytes = await reader.some(); bytes; bytes = await reader.some()) yield bytes;
}

async function* sized(reader: StreamReader, length: number): AsyncGenerator<Uint8Array, void, void> {
  for (let left = length; left > 0; ) {
    const bytes = await reader.some(left);
    if (!bytes) throw new ProtocolError(`it broke off: ${left} of ${length} bytes are missing`);
    left -= bytes.length;
    yield bytes;
  }
}

async function* chunked(reader: StreamReader): AsyncGenerator<Uint8Array, void, void> {
  for (;;) {
    const [, digits] = /^([0-9a-f]{1,14})[ \t]*(?:;.*)?$/i.exec((await reader.line(LINE_BYTES)) ?? '') ?? [];
    if (digits === undefined) throw new ProtocolError('it broke off between two chunks');
    const length = Number.parseInt(digits, 16);
    if (length > MOST_BODY) throw new ProtocolError('a chunk is too long');
    if (length === 0) break;
    yield* sized(reader, length);
    if ((await reader.line(2)) !== '') throw new ProtocolError('a chunk is longer than it said');
  }
  await readHeaders(reader); // trailers: nobody was promised any
}
