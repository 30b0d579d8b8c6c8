/** One disk in several of Android's sparse files, as `simg2simg` leaves it. */

import { expect, it } from 'vitest';
import { fixtureDevice } from '../../../../test/fixtures/load.ts';
import { memorySource } from '../../byte-source.ts';
import { BehindEndError } from '../../errors.ts';
import { openDisk } from '../../open-disk.ts';

const BLOCK = 4096;

async function imageOf(name: string): Promise<Uint8Array> {
  const device = await fixtureDevice(name);
  const image = new Uint8Array(device.sectors * 512);
  device.read(0, image);
  return image;
}

/** The blocks from `first` up to `end`, and chunks of nothing for all others. */
function piece(disk: Uint8Array, first: number, end: number): Uint8Array {
  const blocks = disk.length / BLOCK;
  const runs = [
    [0xcac3, first, 0],
    [0xcac1, end - first, (end - first) * BLOCK],
    [0xcac3, blocks - end, 0],
  ] as const;
  const bytes = new Uint8Array(28 + 36 + (end - first) * BLOCK);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xed26ff3a, true);
  view.setUint16(4, 1, true);
  view.setUint16(8, 28, true);
  view.setUint16(10, 12, true);
  for (const [at, value] of [BLOCK, blocks, runs.length].entries()) view.setUint32(12 + 4 * at, value, true);
  let at = 28;
  for (const [type, count, dataBytes] of runs) {
    view.setUint16(at, type, true);
    view.setUint32(at + 4, count, true);
    view.setUint32(at + 8, 12 + dataBytes, true);
    if (dataBytes > 0) bytes.set(disk.subarray(first * BLOCK, end * BLOCK), at + 12);
    at += 12 + dataBytes;
  }
  return bytes;
}

it('is read whole with its pieces beside it, from whichever; alone a piece is known to lack something', async () => {
  const image = await imageOf('ext4');
  const disk = image.subarray(0, image.length - (image.length % BLOCK));
  const blocks = disk.length / BLOCK;
  const last = disk.findLastIndex((byte) => byte !== 0);
  const [one, two] = [Math.floor(last / BLOCK / 3), Math.floor((2 * last) / BLOCK / 3)];
  const files = [piece(disk, 0, one), piece(disk, one, two), piece(disk, two, blocks)];
  const open = (index: number, there: readonly number[]) =>
    openDisk(memorySource(files[index] ?? new Uint8Array(0)), {
      files: (name) => {
        const number = Number(/^\*\.(\d+)$/.exec(name)?.[1]);
        const bytes = there.includes(number) ? files[number] : undefined;
        return bytes && memorySource(bytes);
      },
    });
  for (const index of files.keys()) {
    const { device, content } = await open(index, [0, 1, 2]);
    expect(device.cut).toBeUndefined();
    const found = new Uint8Array(disk.length);
    await content.read(0, found);
    expect(Buffer.compare(found, disk)).toBe(0);
  }
  expect((await open(0, [0, 2])).device.cut).toMatch('in several files, of which number 1 is not there');
  for (const index of files.keys()) {
    const { device, content } = await open(index, []);
    expect(device.cut).toMatch(/it is one of several files of a disk; the others are looked for beside it/);
    const elsewhere = index === 0 ? one : 0;
    await expect((async () => content.read(elsewhere * BLOCK, new Uint8Array(BLOCK)))()).rejects.toBeInstanceOf(
      BehindEndError,
    );
  }
});

it('is whole where what is on it has nothing behind its last chunk; where that is not known, it is said, and reading there fails', async () => {
  const image = await imageOf('squashfs-gzip');
  const disk = new Uint8Array(Math.ceil(image.length / BLOCK) * BLOCK + 64 * BLOCK);
  disk.set(image);
  const used = Math.ceil(image.length / BLOCK);
  const { device, notes } = await openDisk(memorySource(piece(disk, 0, used)));
  expect([device.cut, notes]).toEqual([undefined, []]);
  disk.fill(0, 0, 4);
  const { notes: told, content } = await openDisk(memorySource(piece(disk, 0, used)));
  expect(told.join()).toMatch('and who reads that is told so: were it one of several files');
  const read = async (block: number) => content.read(block * BLOCK, new Uint8Array(BLOCK));
  await read(used - 1);
  await expect(read(used)).rejects.toBeInstanceOf(BehindEndError);
});
