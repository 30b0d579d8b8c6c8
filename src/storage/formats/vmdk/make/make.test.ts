/** A new VMDK is read back as the disk it was made of, written here and there and as a stream; qemu-img has checked the same (docs). */

import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../byte-source.ts';
import { openDisk } from '../../../open-disk.ts';
import { GRAIN, TABLE_ENTRIES } from './header.ts';
import { vmdkToFile } from './to-file.ts';
import { vmdkStream } from './to-stream.ts';

async function toFile(disk: Uint8Array): Promise<Uint8Array> {
  const pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const length = await vmdkToFile(memorySource(disk), (at, bytes) => void pieces.push({ at, bytes: bytes.slice() }));
  const file = new Uint8Array(length);
  for (const { at, bytes } of pieces) file.set(bytes, at);
  return file;
}

async function toStream(disk: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await vmdkStream(memorySource(disk), (bytes) => void pieces.push(bytes.slice()), { deflate: deflateSync });
  return new Uint8Array(Buffer.concat(pieces));
}

const TABLE = GRAIN * TABLE_ENTRIES;
const disks: Readonly<Record<string, readonly [sizeBytes: number, places: readonly number[]]>> = {
  'of zeros': [5 * GRAIN, []],
  'of one sector': [512, [7]],
  'whose last grain is not whole': [3 * GRAIN + 1024, [3 * GRAIN + 1023]],
  'with data in its first and last table alone': [3 * TABLE, [GRAIN, 3 * TABLE - 1]],
  'with data on both sides of a table': [2 * TABLE, [TABLE - 1, TABLE]],
};

describe.each(Object.entries(disks))('a disk %s', (_, [sizeBytes, places]) => {
  const disk = new Uint8Array(sizeBytes);
  for (const place of places) disk[place] = 1 + (place % 255);

  it.each([
    ['file', toFile],
    ['stream', toStream],
  ] as const)('is what it was, from a %s, which holds what is not zeros', async (_kind, make) => {
    const file = await make(disk);
    expect(await make(disk)).toEqual(file);
    expect(file.length).toBeLessThan((4 + places.length) * GRAIN);
    const { content, format } = await openDisk(memorySource(file));
    const bytes = new Uint8Array(content.sizeBytes);
    await content.read(0, bytes);
    expect(format).toBe('vmdk');
    expect(Buffer.compare(bytes, disk)).toBe(0);
  });
});
