/** What is made of a disk is read back as that disk, from a file and from a stream, which are the same; qemu-img has checked them, too (docs/design/formats.md). */

import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { seededWords } from '../../../bytes/seeded-words.ts';
import { type ByteSource, memorySource } from '../../byte-source.ts';
import { openDisk } from '../../open-disk.ts';
import { formatOfName, type MadeFormat, madeFormats } from './made-formats.ts';
import { type MakeOptions, makers } from './makers.ts';

const MIB = 2 ** 20;
const TIB = 2 ** 40;

interface Made {
  readonly fileBytes: number;
  readonly pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

async function toFile(format: MadeFormat, disk: ByteSource, options: Partial<MakeOptions> = {}): Promise<Made> {
  const pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const write = (at: number, bytes: Uint8Array) => void pieces.push({ at, bytes: bytes.slice() });
  return { fileBytes: await makers[format].toFile(disk, write, { deflate: deflateSync, ...options }), pieces };
}

async function toStream(format: MadeFormat, disk: ByteSource, options: Partial<MakeOptions> = {}): Promise<Uint8Array> {
  const stream = await makers[format].stream(disk, { deflate: deflateSync, ...options });
  const pieces: Uint8Array[] = [];
  await stream.writeTo((bytes) => void pieces.push(bytes.slice()));
  const file = new Uint8Array(Buffer.concat(pieces));
  if (format !== 'vmdk-stream') expect(file.length).toBe(stream.fileBytes);
  return file;
}

function whole({ fileBytes, pieces }: Made): Uint8Array {
  const file = new Uint8Array(fileBytes);
  for (const { at, bytes } of pieces) file.set(bytes, at);
  return file;
}

/** Reads of zeros but where something was written. */
const sparse = (sizeBytes: number, pieces: Made['pieces']): ByteSource => ({
  sizeBytes,
  read(offset, into) {
    into.fill(0);
    for (const { at, bytes } of pieces) {
      const [from, to] = [Math.max(at, offset), Math.min(at + bytes.length, offset + into.length)];
      if (from < to) into.set(bytes.subarray(from - at, to - at), from - offset);
    }
  },
  zerosAt(offset) {
    let next = sizeBytes;
    for (const { at, bytes } of pieces) {
      if (at <= offset && offset < at + bytes.length) return 0;
      if (at > offset) next = Math.min(next, at);
    }
    return next - offset;
  },
});

async function contentOf(file: ByteSource, format: MadeFormat): Promise<ByteSource> {
  const opened = await openDisk(file);
  expect(opened.format).toBe(format.replace(/-.*/, ''));
  return opened.content;
}

async function bytesOf(file: Uint8Array, format: MadeFormat): Promise<Uint8Array> {
  const content = await contentOf(memorySource(file), format);
  const bytes = new Uint8Array(content.sizeBytes);
  await content.read(0, bytes);
  return bytes;
}

const words = seededWords(7, 'disks');
/** Some sectors of it have something. */
function randomDisk(): readonly [sizeBytes: number, places: readonly number[]] {
  const sizeBytes = 1 + (words() % (40 * MIB));
  return [sizeBytes, Array.from({ length: words() % 12 }, () => words() % sizeBytes)];
}

const disks: Readonly<Record<string, readonly [sizeBytes: number, places: readonly number[]]>> = {
  'of zeros': [5 * MIB, []],
  'of one byte': [1, [0]],
  'of a size between sectors': [MIB + 777, [5, MIB + 776]],
  'with data at both ends': [33 * MIB, [0, 33 * MIB - 1]],
  'whose last block is not whole': [3 * MIB + 1024, [3 * MIB + 1023]],
  'with data on both sides of blocks': [24 * MIB, [MIB - 1, MIB, 2 * MIB - 1, 2 * MIB, 8 * MIB - 1, 8 * MIB]],
  'by chance': randomDisk(),
  'by another': randomDisk(),
};

const cases = Object.entries(disks).flatMap(([name, [sizeBytes, places]]) =>
  madeFormats.map((format) => [format, name, sizeBytes, places] as const),
);

describe('a disk is what it was', () => {
  it.each(cases)('out of %s: one %s', async (format, _name, sizeBytes, places) => {
    const disk = new Uint8Array(sizeBytes);
    for (const place of places) disk[place] = 1 + (place % 255);
    const made = await toFile(format, memorySource(disk));
    const file = whole(made);
    // A qcow2 in a stream has its tables before its data.
    if (format !== 'qcow2') expect(Buffer.compare(await toStream(format, memorySource(disk)), file)).toBe(0);
    if (format === 'raw') return;
    const expected = new Uint8Array(Math.ceil(sizeBytes / 512) * 512);
    expected.set(disk);
    for (const bytes of [file, await toStream(format, memorySource(disk), { lookBytes: 0, name: 'its name' })])
      expect(Buffer.compare(await bytesOf(bytes, format), expected)).toBe(0);
  });
});

describe('a large disk', () => {
  const places = [0, 100 * MIB, TIB, TIB + 64 * MIB, 1.5 * TIB - 512];
  const pieces = places.map((at) => ({ at, bytes: new Uint8Array(512).fill(1 + (at % 251)) }));
  const disk = sparse(1.5 * TIB, pieces);

  it.each(['qcow2', 'vmdk', 'vhd', 'vdi', 'vhdx'] as const)('goes to %s without its holes', async (format) => {
    const made = await toFile(format, disk);
    expect(made.pieces.filter(({ bytes }) => bytes.some((byte) => byte !== 0 && byte !== 0xff)).length).toBeLessThan(
      60,
    );
    const content = await contentOf(sparse(made.fileBytes, [...made.pieces].reverse()), format);
    expect(content.sizeBytes).toBe(disk.sizeBytes);
    for (const { at, bytes } of pieces) {
      const read = new Uint8Array(512);
      await content.read(at, read);
      expect(Buffer.compare(read, bytes)).toBe(0);
      await content.read(Math.max(at - 512, 512), read);
      expect(read.every((byte) => byte === 0)).toBe(true);
    }
  });

  it.each([
    ['vmdk', 1025 * TIB, /1 PiB/],
    ['vmdk-stream', 1025 * TIB, /1 PiB/],
    ['vhd', 2 * TIB, /2040 GiB/],
    ['vhd-fixed', 2 * TIB, /2040 GiB/],
    ['vdi', 513 * TIB, /512 TiB/],
    ['vhdx', 64 * TIB + 512, /64 TiB/],
  ] as const)('is refused by %s when it is too large, before a byte is written', async (format, sizeBytes, why) => {
    const empty = sparse(sizeBytes, []);
    await expect(toFile(format, empty)).rejects.toMatchObject({
      code: 'EOPNOTSUPP',
      message: expect.stringMatching(why),
    });
    if (format !== 'vmdk-stream') await expect(toStream(format, empty)).rejects.toThrow(why);
  });

  it('of 64 TiB is a VHDX yet', async () => {
    const bytes = new Uint8Array(512).fill(3);
    const made = await toFile('vhdx', sparse(64 * TIB, [{ at: 64 * TIB - 512, bytes }]));
    const content = await contentOf(sparse(made.fileBytes, made.pieces), 'vhdx');
    const read = new Uint8Array(512);
    await content.read(64 * TIB - 512, read);
    expect(Buffer.compare(read, bytes)).toBe(0);
  });
});

it.each([1, 2, 4, 32, 256])('a VHDX has blocks of %i MiB', async (mib) => {
  const disk = new Uint8Array(20 * MIB + 512).fill(9, 5 * MIB, 5 * MIB + 7);
  const options = { blockBytes: mib * MIB };
  const made = await toFile('vhdx', memorySource(disk), options);
  expect(made.fileBytes).toBe((4 + mib) * MIB);
  expect(Buffer.compare(await bytesOf(whole(made), 'vhdx'), disk)).toBe(0);
});

it.each(madeFormats.filter((format) => !/raw|fixed|stream/.test(format)))(
  'a file of %s has no header before all of it is there',
  async (format) => {
    const { pieces } = await toFile(format, memorySource(new Uint8Array(9 * MIB).fill(1, MIB, 2 * MIB)));
    expect(pieces.findIndex(({ at }) => at === 0)).toBe(pieces.length - 1);
  },
);

it('other disks have other ids, the same disk has the same', async () => {
  const idOf = async (disk: Uint8Array, name?: string) => {
    const options = name === undefined ? {} : { name, lookBytes: 0 };
    return Buffer.from(await toStream('vdi', memorySource(disk), options)).toString('hex', 392, 408);
  };
  const [one, other] = [new Uint8Array(MIB).fill(1), new Uint8Array(MIB).fill(1).fill(2, 0, 1)];
  const ids = [await idOf(one), await idOf(other), await idOf(one, 'a'), await idOf(one, 'b')];
  expect(new Set(ids).size).toBe(4);
  expect(await idOf(one)).toBe(ids[0]);
  expect(ids[0]).toMatch(/^.{12}8.{3}[89ab]/);
});

it('names tell formats', () => {
  const names = ['a.raw', 'a.IMG', 'a.qcow2', 'a.vmdk', 'a.vhd', 'a.vdi', 'a.vhdx', 'a.iso'];
  expect(names.map(formatOfName)).toEqual(['raw', 'raw', 'qcow2', 'vmdk', 'vhd', 'vdi', 'vhdx', undefined]);
});
