import { expect, it } from 'vitest';
import { ChunkWriter } from './chunk-writer.ts';

/** A writer with chunks of 4 bytes, and what its sink got. */
function setUp() {
  const chunks: string[] = [];
  const sink = (chunk: Uint8Array) => {
    chunks.push(new TextDecoder().decode(chunk));
  };
  const out = new ChunkWriter(sink, { chunkBytes: 4 });
  return { chunks, push: (text: string) => out.push(new TextEncoder().encode(text)), out };
}

it('cuts what it is given into chunks of one size', async () => {
  const { chunks, push, out } = setUp();
  push('ab');
  push('');
  push('cdefghijk');
  await out.drain();
  expect(chunks).toEqual(['abcd', 'efgh']);
  push('l');
  await out.end();
  expect(chunks).toEqual(['abcd', 'efgh', 'ijkl']);
  expect(out.pushed).toBe(12);
});

it('ends with a short chunk, or with none', async () => {
  const { chunks, push, out } = setUp();
  push('abcde');
  await out.end();
  expect(chunks).toEqual(['abcd', 'e']);
  await out.end();
  expect(chunks).toHaveLength(2);
});

it('keeps no view of what it was given', async () => {
  const { chunks, out } = setUp();
  const bytes = new TextEncoder().encode('abcdef');
  out.push(bytes);
  bytes.fill(0);
  await out.end();
  expect(chunks).toEqual(['abcd', 'ef']);
});

it('waits for its sink before the next chunk, and passes on its refusal', async () => {
  const seen: string[] = [];
  const slow = async (chunk: Uint8Array) => {
    seen.push(`begin ${chunk.length}`);
    await Promise.resolve();
    if (seen.length > 2) throw new Error('gone');
    seen.push('end');
  };
  const out = new ChunkWriter(slow, { chunkBytes: 4 });
  out.push(new Uint8Array(9));
  await expect(out.end()).rejects.toThrow('gone');
  expect(seen).toEqual(['begin 4', 'end', 'begin 4']);
});

it('uses memory again where its sink keeps none, and only then', async () => {
  const distinct = async (reused: boolean) => {
    const buffers = new Set<ArrayBufferLike>();
    const text: string[] = [];
    const sink = async (chunk: Uint8Array) => {
      buffers.add(chunk.buffer);
      await Promise.resolve();
      text.push(new TextDecoder().decode(chunk));
    };
    const out = new ChunkWriter(sink, { chunkBytes: 4, reused });
    for (let i = 0; i < 10; i++) {
      out.push(new TextEncoder().encode(`${i}${i}${i}${i}`));
      await out.drain();
    }
    await out.end();
    expect(text.join('')).toBe('0000111122223333444455556666777788889999');
    return buffers.size;
  };
  expect(await distinct(false)).toBe(10);
  expect(await distinct(true)).toBe(2);
});
