/** Node's zlib says of single chunks what the libraries say that run everywhere. */

import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { seededWords } from '../../../bytes/seeded-words.ts';
import { chunkDecoders } from './block-decoders.ts';
import { zlibChunks } from './zlib-chunks.ts';

const [portable, host] = [chunkDecoders(), chunkDecoders(zlibChunks(zlib))];
const BYTES = 8192;
const next = seededWords(1, 'chunks');
/** Runs and noise, so that every kind of symbol is in it. */
const chunk = Uint8Array.from({ length: BYTES }, (_, at) => (at % 4096 < 2048 ? at >> 9 : next() & 15));

const packed = {
  inflateRaw: zlib.deflateRawSync(chunk),
  inflateZlib: zlib.deflateSync(chunk),
  unzstd: zlib.zstdCompressSync(chunk),
} as const;

/** The bytes, or that there are none. */
const outcome = (decode: () => Uint8Array): Uint8Array | 'an error' => {
  try {
    return Uint8Array.from(decode());
  } catch {
    return 'an error';
  }
};

describe.each(['inflateRaw', 'inflateZlib', 'unzstd'] as const)('%s', (method) => {
  const both = (bytes: Uint8Array, most = BYTES) =>
    [host, portable].map((decoders) => outcome(() => decoders[method](bytes, most))) as [unknown, unknown];

  it('gives the chunk, up to the size that it may have', () => {
    expect(both(packed[method])).toEqual([chunk, chunk]);
    expect(both(packed[method], BYTES + 1000)).toEqual([chunk, chunk]);
    expect(both(packed[method], BYTES - 1)).toEqual(['an error', 'an error']);
    expect(() => host[method](packed[method], 100)).toThrow('it unpacks to more than 100 bytes');
  });

  it('takes none for no chunk, and none of less than a chunk', () => {
    expect(both(new Uint8Array(0))).toEqual(['an error', 'an error']);
    for (const bytes of [1, 3, 9, 1000, packed[method].length - 5])
      expect(both(packed[method].subarray(0, bytes))).toEqual(['an error', 'an error']);
  });

  it('leaves alone what follows it, where something may', () => {
    if (method === 'inflateZlib') return;
    expect(both(Buffer.concat([packed[method], Buffer.alloc(600, 0xa5)]))).toEqual([chunk, chunk]);
    expect(both(Buffer.concat([packed[method], packed[method]]))).toEqual([chunk, chunk]);
  });

  it('with bits turned is never another chunk by the one than by the other', () => {
    let wrong = 0;
    for (let round = 0; round < 200; round++) {
      const bytes = Uint8Array.from(packed[method]);
      const at = next() % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (next() & 7));
      const [one, other] = both(bytes);
      if (one === 'an error' || other === 'an error') wrong += 1;
      else expect(Buffer.compare(one as Uint8Array, other as Uint8Array)).toBe(0);
    }
    // Of the checksum's own 32 bits none may be wrong either.
    if (method === 'inflateZlib') expect(wrong).toBe(200);
    else expect(wrong).toBeLessThan(200);
  });
});
