/** Compressed files of several parts: what is read of them is all that is undone, and it is what their tools say. */

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../test/fakes/block-devices.ts';
import { type Compression, decompress } from '../../archive/decompress.ts';
import xzModule from '../../archive/xz-embedded.wasm';
import { memorySource } from '../../storage/byte-source.ts';
import { seekable } from '../../storage/seekable/seekable.ts';
import { nodeDecoders } from '../decoders.ts';
import { fileSource } from '../files/file-source.ts';
import { openImageFile } from '../files/open-image-file.ts';
import { lazySpool } from './lazy-spool.ts';

const samples = new URL('../../../test/fixtures/seekable/', import.meta.url);
const lines = Buffer.from(Array.from({ length: 300_000 }, (_, line) => `${line + 1}\n`).join(''));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lkl-seekable-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const files: readonly (readonly [string, Compression, number])[] = [
  ['blocks.xz', 'xz', 7],
  ['crc32.xz', 'xz', 2],
  ['streams.xz', 'xz', 6],
  ['pixz.xz', 'xz', 2],
  ['bgzip.gz', 'gzip', 2],
  ['frames.zst', 'zstd', 3],
];

describe.each(files)('%s', (name, compression, least) => {
  const path = new URL(name, samples).pathname;

  it('is undone part by part, each once', async () => {
    const packed = fileSource(path);
    const parts = await seekable(packed, compression);
    expect(parts?.parts.length).toBeGreaterThanOrEqual(least);
    if (parts === undefined) return;
    expect(parts.sizeBytes).toBe(lines.length);
    const undone: number[] = [];
    const decoders = nodeDecoders(xzModule);
    const source = lazySpool(parts, {
      packed,
      undo: (part) => {
        undone.push(part.start);
        return decompress(compression, part.packed(), decoders);
      },
    });
    const random = seededRandom(name.length);
    const check = async (at: number, length: number) => {
      const into = new Uint8Array(length);
      await source.read(at, into);
      expect(Buffer.compare(into, lines.subarray(at, at + length))).toBe(0);
    };
    await check(lines.length - 10, 10);
    await check(5, 10);
    expect(undone).toEqual([parts.parts.at(-1)?.start, 0]);
    await Promise.all(Array.from({ length: 20 }, () => check(random(lines.length - 5000), random(5000))));
    await check(0, lines.length);
    expect(undone.toSorted((a, b) => a - b)).toEqual(parts.parts.map(({ start }) => start));
    await source.close();
  });

  it('is an error where a part is damaged, and what is there where its end is cut off: never other bytes', async () => {
    const bytes = readFileSync(path);
    const random = seededRandom(7);
    for (let round = 0; round < 10; round += 1) {
      const broken = Buffer.from(bytes);
      const at = random(broken.length);
      const isCut = round % 5 === 0;
      if (!isCut) broken[at] = (broken[at] ?? 0) ^ (1 << random(8));
      const cut = isCut ? random(broken.length) : broken.length;
      const file = join(folder, `${round}-${name}`);
      writeFileSync(file, broken.subarray(0, Math.max(20, cut)));
      const found = await wholeOf(file).catch((cause: unknown) => cause);
      if (found instanceof Uint8Array) {
        // Of frames and blocks some bits say nothing that is looked at, and what was cut off may be a last empty one.
        expect(hash(found)).toBe(hash(lines.subarray(0, found.length)));
        if (compression === 'xz' && !isCut) expect(found.length).toBe(lines.length);
      } else expect(found).toMatchObject({ kind: 'bad-compression' });
    }
  });
});

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function wholeOf(path: string): Promise<Uint8Array> {
  const file = await openImageFile(path);
  try {
    const bytes = new Uint8Array(file.sizeBytes);
    await file.read(0, bytes);
    return bytes;
  } finally {
    await file.close();
  }
}

it('what has one part is undone from its beginning', async () => {
  const packed = await import('node:zlib').then(({ gzipSync }) => gzipSync(lines));
  expect(await seekable(memorySource(packed), 'gzip')).toBeUndefined();
});
