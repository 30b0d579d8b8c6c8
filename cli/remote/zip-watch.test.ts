/** The zip watcher: counts, the list of what is missing, and ends that are none. */

import { deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { directoryLine, localHeader, type ZipEntry, zipEnd } from '../../src/archive/zip-writer.ts';
import { crc32 } from '../../src/bytes/crc32.ts';
import { ZipWatch } from './zip-watch.ts';

const LIST = '.fs2zip-errors';
const lines = `EIO\tread\tetc/passwd\n${'EIO\tread\tx\n'.repeat(300)}`;

function zip(...files: readonly (readonly [name: string, text: string])[]): Buffer {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  const bytesOf = (all: readonly Uint8Array[]) => all.reduce((sum, { length }) => sum + length, 0);
  for (const [name, text] of files) {
    const bytes = Buffer.from(text);
    const packed = text.length > 64 ? deflateRawSync(bytes) : bytes;
    const data = { crc: crc32(bytes), packedBytes: packed.length };
    const method = text.length > 64 ? 'deflated' : 'stored';
    const named = { name: Buffer.from(name), mode: 0o100644, uid: 0, gid: 0, mtimeNs: 0n, size: bytes.length };
    const entry: ZipEntry = { ...named, method, packed: data };
    directory.push(directoryLine(entry, data, bytesOf(pieces)));
    pieces.push(localHeader(entry), packed);
  }
  const at = bytesOf(pieces);
  return Buffer.concat([...pieces, ...directory, zipEnd(files.length, at, bytesOf(directory))]);
}

function watched(bytes: Buffer, chunkBytes: number): ZipWatch {
  const watch = new ZipWatch();
  for (let at = 0; at < bytes.length; at += chunkBytes) watch.take(bytes.subarray(at, at + chunkBytes));
  return watch;
}

const noise = Array.from({ length: 20_000 }, (_, i) => String((i * 7919) % 10_007)).join();

it.each([1, 7, 43, 44, 512, 5000, 1 << 20])('finds the list in chunks of %i bytes', (chunkBytes) => {
  const inner = zip(['a', 'b'], [LIST, 'another']).toString('latin1');
  const watch = watched(zip(['inner.zip', inner], ['noise', noise], [LIST, lines]), chunkBytes);
  expect(watch).toMatchObject({ ended: true, entries: 3, errorList: lines });
});

it('a list that unpacks to more than any has is no text', () => {
  const watch = watched(zip(['a', 'b'], [LIST, ' '.repeat(65 * 2 ** 20)]), 1 << 20);
  expect(watch.ended).toBe(true);
  expect(() => watch.errorList).toThrow(RangeError);
});

it('a short list is stored as it is', () => {
  expect(watched(zip(['a', 'b'], [LIST, 'EIO\tread\ta\n']), 9).errorList).toBe('EIO\tread\ta\n');
});

it.each<[string, Buffer]>([
  ['that has all', zip(['a', 'b'], ['noise', noise])],
  ['in whose files such a list lies', zip(['a', zip([LIST, 'x']).toString('latin1')])],
  ['in which it is not the last', zip([LIST, 'x'], ['a', 'b'])],
])('a zip %s has no list', (_, bytes) => {
  for (const chunkBytes of [13, 1 << 20])
    expect(watched(bytes, chunkBytes)).toMatchObject({ ended: true, errorList: undefined });
});

it('a zip that was cut anywhere has not ended', () => {
  const whole = zip(['a', 'b'], [LIST, lines]);
  for (let bytes = 0; bytes < whole.length; bytes += 1)
    expect([bytes, watched(whole.subarray(0, bytes), 1 << 20).ended]).toEqual([bytes, false]);
});
