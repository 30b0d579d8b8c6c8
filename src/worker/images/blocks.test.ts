/** Bodies as blocks: every byte is where it was, zeros are nowhere. */

import { describe, expect, it } from 'vitest';
import { expectBytes } from '../../../test/contract/block-device.ts';
import { memorySource } from '../../storage/byte-source.ts';
import { BLOCK_BYTES, type Block, BlockMap, blockSource, blocksOf, unpackedSource } from './blocks.ts';

/** Data and zeros by a pattern, a letter a block, and some bytes more. */
function bodyOf(pattern: string, rest = 0): Uint8Array {
  const bytes = new Uint8Array(pattern.length * BLOCK_BYTES + rest);
  for (const [block, letter] of [...pattern].entries()) {
    if (letter === 'd') bytes.fill(block + 1, block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
    // Data may be one byte, the last.
    if (letter === 'e') bytes[(block + 1) * BLOCK_BYTES - 1] = 9;
  }
  if (rest > 1) bytes[bytes.length - 1] = 5;
  return bytes;
}

async function* inChunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function blocked(bytes: Uint8Array, chunk: number): Promise<Block[]> {
  const blocks: Block[] = [];
  for await (const block of blocksOf(inChunks(bytes, chunk))) blocks.push(block);
  return blocks;
}

const RANGES = [
  [0, 1],
  [0, BLOCK_BYTES],
  [BLOCK_BYTES - 1, 2],
  [BLOCK_BYTES / 2, BLOCK_BYTES],
  [100, 3 * BLOCK_BYTES],
] as const;

describe.each(['', 'z', 'd', 'dz', 'zd', 'dzdz', 'zzdd', 'dddd', 'zzzz', 'ezzez', 'zdzdzdzd'])(
  'blocks %s',
  (pattern) => {
    it.each([0, 1, 700])('and %i bytes are the body, in memory and packed', async (rest) => {
      const body = bodyOf(pattern, rest);
      for (const chunk of [1000, BLOCK_BYTES, 150_000]) {
        const blocks = await blocked(body, chunk);
        const there = blocks.filter(({ bytes }) => bytes !== undefined);
        expect(there.length).toBe(pattern.replaceAll('z', '').length + (rest > 1 ? 1 : 0));
        const map = new BlockMap();
        for (const block of blocks) map.push(block);
        const packed = new Uint8Array(there.reduce((sum, { length }) => sum + length, 0));
        for (const [at, { bytes = new Uint8Array(0) }] of there.entries()) packed.set(bytes, at * BLOCK_BYTES);
        for (const source of [blockSource(blocks), unpackedSource(memorySource(packed), map)]) {
          expect(source.sizeBytes).toBe(body.length);
          for (const [offset, length] of [...RANGES, [0, body.length] as const]) {
            if (offset + length > body.length) continue;
            const into = new Uint8Array(length).fill(0xee);
            await source.read(offset, into);
            expectBytes(into, body.subarray(offset, offset + length));
          }
        }
      }
    });
  },
);
