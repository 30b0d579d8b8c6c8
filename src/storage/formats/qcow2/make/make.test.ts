/** A new qcow2 is read back as the disk it was made of, to a file and as a stream. */

import { describe, expect, it } from 'vitest';
import { type ByteSource, memorySource } from '../../../byte-source.ts';
import { openDisk } from '../../../open-disk.ts';
import { CLUSTER, ClusterSet, layoutOf } from './layout.ts';
import { qcow2ToFile } from './to-file.ts';
import { qcow2Stream } from './to-stream.ts';

const MIB = 2 ** 20;

async function toFile(disk: ByteSource): Promise<Uint8Array> {
  let file = new Uint8Array(0);
  const length = await qcow2ToFile(disk, (at, bytes) => {
    if (at + bytes.length > file.length) {
      const longer = new Uint8Array(at + bytes.length);
      longer.set(file);
      file = longer;
    }
    file.set(bytes, at);
  });
  const whole = new Uint8Array(length);
  whole.set(file);
  return whole;
}

async function toStream(disk: ByteSource, lookBytes?: number): Promise<Uint8Array> {
  const stream = await qcow2Stream(disk, lookBytes);
  const pieces: Uint8Array[] = [];
  await stream.writeTo((bytes) => void pieces.push(bytes.slice()));
  const file = new Uint8Array(Buffer.concat(pieces));
  expect(file.length).toBe(stream.fileBytes);
  return file;
}

async function diskIn(file: Uint8Array): Promise<Uint8Array> {
  const { content, format } = await openDisk(memorySource(file));
  expect(format).toBe('qcow2');
  const bytes = new Uint8Array(content.sizeBytes);
  await content.read(0, bytes);
  return bytes;
}

/** Every cluster of the file is counted, and counted as used one time. */
function countedOnce(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const table = Number(view.getBigUint64(48));
  for (let cluster = 0; cluster < file.length / CLUSTER; cluster += 1) {
    const block = Number(view.getBigUint64(table + 8 * Math.floor(cluster / (CLUSTER / 2))));
    if (view.getUint16(block + 2 * (cluster % (CLUSTER / 2))) !== 1) return false;
  }
  return true;
}

/** Some clusters have something, at their begin, in the middle or at their end. */
function disk(sizeBytes: number, places: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (const place of places) bytes[place] = 1 + (place % 255);
  return bytes;
}

const disks = {
  'empty of data': disk(3 * MIB, []),
  'with data at both ends': disk(5 * MIB, [0, 5 * MIB - 1]),
  'with runs over pieces': disk(4 * MIB, [MIB - 1, MIB, 2 * MIB - CLUSTER, 2 * MIB, 3 * MIB + 77]),
  'of a size between sectors': disk(MIB + 777, [5, MIB + 776]),
  'full of data': new Uint8Array(2 * MIB).fill(7),
  'of one byte': new Uint8Array([9]),
};

describe.each(Object.entries(disks))('a disk %s', (_, bytes) => {
  const expected = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
  expected.set(bytes);

  it.each([
    ['a file', toFile],
    ['a stream', toStream],
    ['a stream that was not looked through', (source: ByteSource) => toStream(source, 0)],
  ] as const)('is the same out of %s', async (_way, make) => {
    const file = await make(memorySource(bytes));
    expect(Buffer.compare(await diskIn(file), expected)).toBe(0);
    expect(countedOnce(file)).toBe(true);
  });
});

it('clusters of zeros are not in it, known of or not', async () => {
  const bytes = disk(64 * MIB, [10, 40 * MIB]);
  const reads: number[] = [];
  const source = memorySource(bytes);
  const withHoles: ByteSource = {
    ...source,
    read(offset, into) {
      reads.push(offset);
      return source.read(offset, into);
    },
    zerosAt: (offset) => (offset >= MIB && offset < 40 * MIB ? 40 * MIB - offset : 0),
  };
  expect((await toFile(source)).length).toBe(7 * CLUSTER);
  expect((await toFile(withHoles)).length).toBe(7 * CLUSTER);
  expect(reads.some((at) => at >= MIB && at < 40 * MIB)).toBe(false);
});

it('the file has no header before all of it is there', async () => {
  const writes: number[] = [];
  await qcow2ToFile(memorySource(disk(MIB, [3])), (at) => void writes.push(at));
  expect(writes.at(-1)).toBe(0);
  expect(writes.indexOf(0)).toBe(writes.length - 1);
});

it('counts of a large file have blocks and a table of their own', () => {
  const set = new ClusterSet(2 ** 42);
  for (let at = 0; at < 2 ** 33; at += 2 ** 20) set.add(at, 2 ** 20);
  const { fileBytes, tables, tablesAt } = layoutOf(set, 'data');
  let bytes = 0;
  for (const table of tables()) bytes += table.length;
  expect(tablesAt + bytes).toBe(fileBytes);
});

it('a disk that is too large for it is refused', () => {
  expect(() => new ClusterSet(2 ** 52)).toThrow(/qcow2: a disk of .* is larger/);
});
