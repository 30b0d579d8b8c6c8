/** Files on web servers: ranges, versions, and servers that fail now and then. */

import { describe, expect, it } from 'vitest';
import { ImageChangedError, ImageNotFoundError, ReadFailedError } from '../errors.ts';
import { type Fetch, httpSource, NoRangesError } from './http-source.ts';

const content = Uint8Array.from({ length: 10_000 }, (_, at) => (at * 31) & 0xff);

interface Served {
  bytes: Uint8Array<ArrayBuffer>;
  etag?: string;
  /** What happens instead of an answer, one after another. */
  readonly mishaps: (() => Response)[];
  readonly ranges: string[];
  readonly pauses: number[];
}

const serving = (etag?: string): Served => ({
  bytes: content,
  ...(etag !== undefined && { etag }),
  mishaps: [],
  ranges: [],
  pauses: [],
});

function open(served: Served) {
  const fetch: Fetch = async (_, { headers }) => {
    const { range = '' } = headers;
    served.ranges.push(range);
    const mishap = served.mishaps.shift();
    if (mishap) return mishap();
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range)?.map(Number) ?? [];
    if (first === undefined || last === undefined) throw new Error(`no range: ${range}`);
    const size = served.bytes.length;
    if (first >= size) return new Response(null, { status: 416, headers: { 'content-range': `bytes */${size}` } });
    const part = served.bytes.slice(first, last + 1);
    return new Response(part, {
      status: 206,
      headers: {
        'content-range': `bytes ${first}-${first + part.length - 1}/${size}`,
        ...(served.etag !== undefined && { etag: served.etag }),
      },
    });
  };
  return httpSource('http://files/a.img', { fetch, pause: async (ms) => void served.pauses.push(ms) });
}

const down = (status: number, headers = {}) => new Response('no', { status, headers });
const cut = (first: number, length: number) => () =>
  new Response(content.slice(first, first + Math.floor(length / 2)), {
    status: 206,
    headers: { 'content-range': `bytes ${first}-${first + length - 1}/${content.length}`, etag: '"1"' },
  });

async function read(served: Served, offset: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  await (await open(served)).read(offset, into);
  return into;
}

describe('a file on a web server', () => {
  it('is asked for what is read, and no more', async () => {
    const served = serving('"1"');
    const source = await open(served);
    expect(source).toMatchObject({ sizeBytes: 10_000, version: '"1"' });
    const into = new Uint8Array(300);
    await source.read(9_700, into);
    expect(into).toEqual(content.subarray(9_700));
    await source.read(0, new Uint8Array(0));
    expect(served.ranges).toEqual(['bytes=0-0', 'bytes=9700-9999']);
    await expect(source.read(9_999, new Uint8Array(2))).rejects.toThrow(RangeError);
  });

  it('that is empty has no bytes', async () => {
    expect(await open({ ...serving(), bytes: new Uint8Array(0) })).toMatchObject({ sizeBytes: 0 });
  });

  it('of another version is an error, and never mixed', async () => {
    const served = serving('"1"');
    const source = await open(served);
    served.etag = '"2"';
    await expect(source.read(0, new Uint8Array(5))).rejects.toThrow(ImageChangedError);
    served.etag = '"1"';
    served.bytes = content.slice(0, 9_000);
    await expect(source.read(0, new Uint8Array(5))).rejects.toThrow(ImageChangedError);
    served.mishaps.push(() => down(404));
    await expect(source.read(0, new Uint8Array(5))).rejects.toThrow(ImageChangedError);
  });

  it('is asked again after a failure that may pass, later and later', async () => {
    const served = serving('"1"');
    served.mishaps.push(
      () => down(503),
      () => down(429, { 'retry-after': '2' }),
      () => {
        throw new TypeError('fetch failed');
      },
    );
    expect(await read(served, 5, 5)).toEqual(content.subarray(5, 10));
    expect(served.pauses).toEqual([250, 2000, 4000]);
  });

  it('whose bodies end early is asked again, and then given up', async () => {
    const served = serving('"1"');
    const source = await open(served);
    served.mishaps.push(cut(100, 50));
    const into = new Uint8Array(50);
    await source.read(100, into);
    expect(into).toEqual(content.subarray(100, 150));
    for (let i = 0; i < 4; i += 1) served.mishaps.push(cut(100, 50));
    await expect(source.read(100, into)).rejects.toThrow('http://files/a.img: 25 of 50 bytes came');
  });

  it.each([
    ['is not there', () => down(404), ImageNotFoundError],
    ['may not be read', () => down(403), ReadFailedError],
    ['comes whole only', () => new Response(content), NoRangesError],
  ] as const)('that %s cannot be opened', async (_, mishap, error) => {
    const served = serving();
    served.mishaps.push(mishap);
    await expect(open(served)).rejects.toThrow(error);
  });

  it('of a server that is down is given up after four attempts', async () => {
    const served = serving();
    for (let i = 0; i < 4; i += 1) served.mishaps.push(() => down(500));
    await expect(open(served)).rejects.toThrow('http://files/a.img: the server answered 500');
    expect(served.pauses).toEqual([250, 1000, 4000]);
  });

  it('that sends another part than was asked for is not believed', async () => {
    const served = serving('"1"');
    const source = await open(served);
    served.mishaps.push(cut(0, 50));
    await expect(source.read(100, new Uint8Array(50))).rejects.toThrow(ReadFailedError);
  });
});
