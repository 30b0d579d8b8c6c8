import { expect, it } from 'vitest';
import { ChunkWriter } from './chunk-writer.ts';

/** A writer with chunks of 4 bytes, and what its sink got. */
function setUp() {
  const chunks: string[] = [];
  const sink = (chunk: Uint8Array) => {
    chunks.push(new TextDecoder().decode(chunk));
  };
  const out = new ChunkWriter(sink, 4);
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
  const out = new ChunkWriter(async (chunk) => {
    seen.push(`begin ${chunk.length}`);
    await Promise.resolve();
    if (seen.length > 2) throw new Error('gone');
    seen.push('end');
  }, 4);
  out.push(new Uint8Array(9));
  await expect(out.end()).rejects.toThrow('gone');
  expect(seen).toEqual(['begin 4', 'end', 'begin 4']);
});
