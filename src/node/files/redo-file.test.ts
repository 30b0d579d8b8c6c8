/** Changes of an image that come all at once: cut off anywhere, it is the old one or the new one. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { imageToWrite } from './image-to-write.ts';
import { openImageFile } from './open-image-file.ts';
import { redoFile, redoOf } from './redo-file.ts';
import { writableFile } from './writable-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-redo-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'image');
/** Its last block is not whole. */
const SIZE = 10 * 4096 + 100;
const old = Buffer.alloc(SIZE, 'old!');
const news = [
  [5, Buffer.from('inside of a block')],
  [4096 * 3 - 7, Buffer.alloc(4096 * 2 + 20, 'over several')],
  [SIZE - 3, Buffer.from('end')],
  [6, Buffer.from('again')],
] as const;
/** Blocks of 4096 bytes that these touch. */
const BLOCKS = 6;
const fresh = Buffer.from(old);
for (const [offset, bytes] of news) fresh.set(bytes, offset);
const changed = (file: { write(offset: number, from: Uint8Array): void }) => {
  for (const [offset, bytes] of news) file.write(offset, bytes);
};

async function read(): Promise<Buffer> {
  const file = await openImageFile(path);
  const bytes = Buffer.alloc(file.sizeBytes);
  await file.read(0, bytes);
  await file.close();
  return bytes;
}

it('what is written is read at once, and the image has it once it is applied', () => {
  writeFileSync(path, old);
  const file = imageToWrite(path, { atomic: true });
  changed(file);
  const seen = Buffer.alloc(SIZE);
  file.read(0, seen);
  expect(seen.equals(fresh)).toBe(true);
  const part = Buffer.alloc(50);
  file.read(4096 * 3 - 20, part);
  expect(part.equals(fresh.subarray(4096 * 3 - 20, 4096 * 3 + 30))).toBe(true);
  expect(readFileSync(path).equals(old)).toBe(true);
  file.apply();
  file.close();
  expect(readFileSync(path).equals(fresh)).toBe(true);
  expect(readdirSync(folder)).toEqual(['image']);
});

it('what is not applied is gone', () => {
  writeFileSync(path, old);
  const file = imageToWrite(path, { atomic: true });
  changed(file);
  file.close();
  expect(readFileSync(path).equals(old)).toBe(true);
  expect(readdirSync(folder)).toEqual(['image']);
});

it('cut off after any write, it reads as the new one, and who writes it next finishes it', async () => {
  for (let writes = 0; writes <= BLOCKS; writes++) {
    writeFileSync(path, old);
    const inPlace = writableFile(path);
    let left = writes;
    const dying = {
      ...inPlace,
      write(offset: number, from: Uint8Array) {
        if (left-- === 0) throw new Error('killed');
        inPlace.write(offset, from);
      },
    };
    const file = redoFile(path, dying);
    changed(file);
    if (writes < BLOCKS) expect(() => file.apply()).toThrow('killed');
    else file.apply();
    file.close();
    expect(existsSync(redoOf(path))).toBe(writes < BLOCKS);
    expect((await read()).equals(fresh)).toBe(true);
    imageToWrite(path).close();
    expect(readFileSync(path).equals(fresh)).toBe(true);
    expect(existsSync(redoOf(path))).toBe(false);
  }
});

it('a file of that name that is something else is told, and touches nothing', async () => {
  writeFileSync(path, old);
  for (const text of ['', 'my notes', 'x'.repeat(5000)]) {
    writeFileSync(redoOf(path), text);
    expect(() => imageToWrite(path)).toThrow(/redo is not what lkl leaves/);
    await expect(openImageFile(path)).rejects.toThrow(/redo is not what lkl leaves/);
    expect(existsSync(`${path}.lock`)).toBe(false);
  }
  rmSync(redoOf(path));
  expect((await read()).equals(old)).toBe(true);
});
