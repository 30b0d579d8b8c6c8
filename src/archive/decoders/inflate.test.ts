/** Our own DEFLATE beside Node's: the same bytes, and it stops where the data end. */

import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../test/fakes/block-devices.ts';
import { byteReader } from '../byte-reader.ts';
import { inflateRaw } from './inflate.ts';

const random = seededRandom(3);
const noise = Uint8Array.from({ length: 200_000 }, () => random(256));
const words = Buffer.from(Array.from({ length: 60_000 }, () => `word${random(500)} `).join(''));
const runs = Buffer.concat(Array.from({ length: 300 }, (_, n) => Buffer.alloc(random(5000), n)));
const far = Buffer.concat([noise.subarray(0, 32_768), noise.subarray(0, 32_768), noise.subarray(0, 40_000)]);
const contents = { nothing: Buffer.alloc(0), one: Buffer.from('x'), noise, words, runs, far };

async function* chunked(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(packed: Uint8Array, size = 10_007) {
  const input = byteReader(chunked(packed, size));
  const made: Uint8Array[] = [];
  for await (const piece of inflateRaw(input)) made.push(piece);
  return { made: Buffer.concat(made), behind: Buffer.from(await input.take(100)).toString() };
}

const ways = {
  usual: {},
  best: { level: 9 },
  stored: { level: 0 },
  'fixed codes': { strategy: constants.Z_FIXED },
  'codes alone': { strategy: constants.Z_HUFFMAN_ONLY },
  'runs alone': { strategy: constants.Z_RLE },
} as const;

describe.each(Object.entries(contents))('%s', (_, content) => {
  it.each(Object.entries(ways))('%s: the same bytes, and what is behind stays', async (_name, options) => {
    const packed = Buffer.concat([deflateRawSync(content, options), Buffer.from('behind')]);
    for (const size of [packed.length, 997, 3]) {
      if (packed.length / size > 20_000) continue;
      const { made, behind } = await read(packed, size);
      expect(Buffer.compare(made, content)).toBe(0);
      expect(behind).toBe('behind');
    }
  });
});

it('data that are cut short are an error, wherever', async () => {
  const packed = deflateRawSync(words.subarray(0, 5000));
  for (let length = 0; length < packed.length; length += 1) {
    await expect(read(packed.subarray(0, length))).rejects.toThrow('it ends too early');
  }
});

it('data that are damaged end, with an error or other bytes', async () => {
  const packed = deflateRawSync(words);
  for (let round = 0; round < 300; round += 1) {
    const broken = Uint8Array.from(packed);
    const at = random(Math.min(broken.length, 2000));
    broken[at] = (broken[at] ?? 0) ^ (1 << random(8));
    const found = await read(broken).catch((cause: unknown) => cause);
    if (found instanceof Error) expect(found.message).toMatch(/^(it|a) /);
  }
});
