/** Every form of gzip, zstd and xz that people have, read back; damage is an error and never a short file. */

import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { samples } from '../../test/fakes/compressed-samples.ts';
import { browserDecoders } from '../browser/decoders.ts';
import { concat } from '../bytes/concat.ts';
import { nodeDecoders } from '../node/decoders.ts';
import { type Bytes, type Compression, DecompressError, decompress, detectCompression } from './decompress.ts';
import xzModule from './xz-embedded.wasm';

const MIB = 2 ** 20;
const original = Uint8Array.from({ length: MIB }, (_, at) => at % 251);

async function gzip(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(
    await new Response(new Blob([concat([data])]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
  );
}

/** `data` in chunks of `chunkBytes`, so that every structure is cut somewhere. */
async function* chunked(data: Uint8Array, chunkBytes = 1000): Bytes {
  for (let from = 0; from < data.length; from += chunkBytes) yield data.subarray(from, from + chunkBytes);
}

const decoders = nodeDecoders(xzModule);
const inBrowsers = browserDecoders(xzModule);

async function read(compression: Compression, source: Bytes, by = decoders): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(compression, source, by)) chunks.push(chunk);
  return concat(chunks);
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, at) => byte === b[at]);
const joined = async (...parts: readonly Uint8Array[]) => concat(parts);

const files: Record<string, readonly [Compression, () => Uint8Array | Promise<Uint8Array>, Uint8Array]> = {
  'a gzip file': ['gzip', () => gzip(original), original],
  'gzip members one after another': [
    'gzip',
    async () => joined(await gzip(original.subarray(0, 1000)), await gzip(original.subarray(1000))),
    original,
  ],
  'xz blocks': ['xz', () => samples.xzBlocks, original],
  'xz streams with padding': ['xz', () => samples.xzStreams, original],
  'xz without a checksum': ['xz', () => samples.xzNoCheck, original],
  'zstd frames, one of them skippable': ['zstd', () => samples.zstdFrames, original],
  'a bzip2 file': ['bzip2', () => samples.bzip2, original],
  'bzip2 streams one after another': [
    'bzip2',
    async () => joined(samples.bzip2, samples.bzip2),
    concat([original, original]),
  ],
  'an lz4 frame': ['lz4', () => samples.lz4, original],
  'lz4 frames, old ones too': ['lz4', async () => joined(samples.lz4, samples.lz4Legacy), concat([original, original])],
  'an lzma file': ['lzma', () => samples.lzma, original],
  'an lzop file': ['lzop', () => samples.lzop, original],
  'a zip of one file': ['zip', () => samples.zip, original],
  'a zip of one file, Deflate64': ['zip', () => samples.zipDeflate64, original],
  'a zip of one file, LZMA': ['zip', () => samples.zipLzma, original],
  'a 7z of a file and a text': ['7z', () => samples.sevenZipWithText, original],
  'a 7z of one file, LZMA2': ['7z', () => samples.sevenZip, original],
  'a 7z of one file, LZMA': ['7z', () => samples.sevenZipLzma, original],
  'zstd run-length blocks': ['zstd', () => samples.zstdRunLength, new Uint8Array(MIB)],
};

describe.each(Object.entries(files))('%s', (_, [compression, make, expected]) => {
  it('is recognised by its first bytes', async () => {
    expect(detectCompression(await make())).toBe(compression);
  });

  it('gzip members of which the last ends within its first bytes are cut', async () => {
    const [first, second] = [await gzip(original.subarray(0, 5000)), await gzip(original.subarray(5000))];
    for (const bytes of [2, 3, 9]) {
      const cut = concat([first, second.subarray(0, bytes)]);
      for (const by of [decoders, inBrowsers])
        await expect(read('gzip', chunked(cut), by)).rejects.toThrow('too early');
    }
  });

  it('blocks of bgzip end with an empty one, or are cut', async () => {
    const block = (packed: Uint8Array) => {
      const head = Uint8Array.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 0x42, 0x43, 2, 0, 0, 0);
      new DataView(head.buffer).setUint16(16, head.length + packed.length - 11, true);
      return concat([head, packed.subarray(10)]);
    };
    const blocks = concat([block(await gzip(original.subarray(0, 5000))), block(await gzip(original.subarray(5000)))]);
    const whole = concat([blocks, block(await gzip(new Uint8Array(0)))]);
    for (const by of [decoders, inBrowsers]) {
      expect(same(await read('gzip', chunked(whole), by), original)).toBe(true);
      await expect(read('gzip', chunked(blocks), by)).rejects.toThrow('too early');
    }
  });

  it.each([1, 7, 1000, MIB])('is read back whole from chunks of %i bytes', async (chunkBytes) => {
    expect(same(await read(compression, chunked(await make(), chunkBytes)), expected)).toBe(true);
  });

  it('is an error when it is cut short', async () => {
    const file = await make();
    // A zip ends in a directory that nothing is read from.
    for (const end of [compression === 'zip' ? -200 : -1, 20, 17]) {
      await expect(read(compression, chunked(file.subarray(0, end)))).rejects.toBeInstanceOf(DecompressError);
    }
  });
});

describe.each(Object.entries(files).filter(([, [compression]]) => ['lz4', 'xz', 'zstd'].includes(compression)))(
  '%s',
  (name, [compression, make]) => {
    it('is an error when followed by something else', async () => {
      const file = await joined(await make(), new TextEncoder().encode('something else'));
      const says = name === 'lz4 frames, old ones too' ? 'not readable' : 'follows a whole one: cut it off';
      await expect(read(compression, chunked(file))).rejects.toThrow(says);
      await expect(read(compression, chunked(file), inBrowsers)).rejects.toBeInstanceOf(DecompressError);
    });
  },
);

/** Those that have a checksum of all that they unpack to, and are one member. */
const checked = ['a gzip file', 'xz blocks', 'a bzip2 file', 'an lz4 frame', 'an lzop file', 'a zip of one file'];

describe.each([...checked, 'a 7z of one file, LZMA2', 'a 7z of one file, LZMA'])('%s', (name) => {
  it('is an error or the same where a bit of it is wrong', async () => {
    const [compression, make, expected] = files[name] ?? expect.fail(name);
    const file = await make();
    for (let at = 0; at < 40; at += 1) {
      const bit = Math.floor(((at + 0.5) / 40) * file.length * 8);
      const damaged = file.with(bit >> 3, (file[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      // What stands in names, times and flags is no part of what it unpacks to.
      const found = await read(compression, chunked(damaged)).catch((cause) => cause);
      if (found instanceof Uint8Array) expect(same(found, expected)).toBe(true);
      else expect(found).toBeInstanceOf(DecompressError);
    }
  });
});

describe.each([
  ['one zero', Uint8Array.of(0)],
  ['zeros', new Uint8Array(5000)],
  ["a firmware's metadata", new TextEncoder().encode('FWx0{"metadata_version":"1.1"}')],
  ['the first byte of a member', Uint8Array.of(0x1f)],
  ['a long text', new TextEncoder().encode('something else '.repeat(50_000))],
])('gzip members with %s behind them', (_, behind) => {
  it.each([1, 7, 1000, MIB])('are read back whole from chunks of %i bytes', async (chunkBytes) => {
    const members = await joined(await gzip(original.subarray(0, 5000)), await gzip(original.subarray(5000)), behind);
    expect(same(await read('gzip', chunked(members, chunkBytes)), original)).toBe(true);
    expect(same(await read('gzip', chunked(members, chunkBytes), inBrowsers), original)).toBe(true);
  });
});

it('a second gzip member whose head is damaged is an error, and not taken for something else', async () => {
  const [first, second] = [await gzip(original.subarray(0, 5000)), await gzip(original.subarray(5000))];
  for (let bit = 0; bit < 24; bit += 1) {
    const at = bit >> 3;
    const broken = second.with(at, (second[at] ?? 0) ^ (1 << (bit & 7)));
    await expect(read('gzip', chunked(await joined(first, broken)))).rejects.toThrow(
      /a member looks like one whose head/,
    );
  }
});

it('a second gzip member that is cut short is an error, and not taken for something else', async () => {
  const [first, second] = [await gzip(original.subarray(0, 5000)), await gzip(original.subarray(5000))];
  for (const bytes of [3, 12, 100, second.length - 1]) {
    const file = await joined(first, second.subarray(0, bytes));
    await expect(read('gzip', chunked(file))).rejects.toBeInstanceOf(DecompressError);
  }
});

it.each([
  ['gzip', async () => (await gzip(original)).with(-6, 1)],
  ['xz', () => samples.xzBlocks.with(600, 1)],
  ['zstd', () => samples.zstdFrames.with(20, 1)],
] as const)('a damaged %s file is an error', async (compression, make) => {
  await expect(read(compression, chunked(await make()))).rejects.toBeInstanceOf(DecompressError);
});

it('a compressed file that needs more than 64 MiB of history is refused', async () => {
  await expect(read('xz', chunked(samples.xzWideDictionary))).rejects.toThrow('dictionary is larger than 64 MiB');
  const small = nodeDecoders(xzModule, { zstdWindowLogMax: 26 });
  await expect(read('zstd', chunked(samples.zstdWideWindow), small)).rejects.toThrow(
    'it needs a window of 128 MiB, and this host has 64 MiB for it',
  );
});

it('an xz file with a SHA-256 checksum is refused, not read unchecked', async () => {
  await expect(read('xz', chunked(samples.xzSha256))).rejects.toThrow('checksum');
});

it.each([
  ['gzip', () => gzip(original)],
  ['xz', () => samples.xzBlocks],
  ['zstd', () => samples.zstdFrames],
] as const)('an error of the source passes through %s unchanged', async (compression, make) => {
  const gone = new Error('the client went away');
  async function* broken(): Bytes {
    yield (await make()).subarray(0, 100);
    throw gone;
  }
  await expect(read(compression, broken())).rejects.toBe(gone);
});

it('a raw disk image is not taken for a compressed one', () => {
  expect(detectCompression(new Uint8Array(512))).toBeUndefined();
  expect(detectCompression(new Uint8Array(0))).toBeUndefined();
});

describe('what is compressed in what is compressed', () => {
  const twice = async (data: Uint8Array) => gzip(await gzip(data));

  it.each(Object.entries({ xz: samples.xzBlocks, zip: samples.zip, '7z': samples.sevenZip, zstd: samples.zstdFrames }))(
    '%s in gzip in gzip is undone, in every host',
    async (_, file) => {
      const packed = await twice(file);
      expect(same(await read('gzip', chunked(packed)), original)).toBe(true);
      expect(same(await read('gzip', chunked(packed), inBrowsers), original)).toBe(true);
    },
  );

  it('of four layers the innermost stays', async () => {
    const last = await gzip(original);
    expect(same(await read('gzip', chunked(await gzip(await twice(last)))), last)).toBe(true);
  });

  it('of two that want a large window the inner one stays', async () => {
    const packed = new Uint8Array(zstdCompressSync(samples.xzBlocks));
    expect(same(await read('zstd', chunked(packed)), samples.xzBlocks)).toBe(true);
  });

  it('that is frames of nothing without end is an error, though nothing comes out', async () => {
    const skippable = new Uint8Array(MIB);
    new DataView(skippable.buffer).setUint32(0, 0x184d2a50, true);
    new DataView(skippable.buffer).setUint32(4, MIB - 8, true);
    const frames = concat([new Uint8Array(zstdCompressSync(new Uint8Array(0))), ...Array(70).fill(skippable)]);
    const packed = await gzip(frames);
    await expect(read('gzip', chunked(packed, 65_536))).rejects.toThrow('grows as a bomb would');
    expect(await read('zstd', chunked(frames, 65_536))).toHaveLength(0);
  });

  it('that is cut short is an error', async () => {
    const cut = await gzip(samples.xzBlocks.subarray(0, -20));
    await expect(read('gzip', chunked(cut))).rejects.toThrow('not readable as xz: it ends too early');
  });
});

it('a dictionary that a host has no memory for is told with both numbers, and one that the file does not need is none', async () => {
  const small = nodeDecoders(xzModule, { windowBytes: 512 * 1024 });
  await expect(read('lzma', chunked(samples.lzma), small)).rejects.toThrow(
    /dictionary of 1 MiB is larger than 0.5 MiB, which/,
  );
  await expect(read('7z', chunked(samples.sevenZip), small)).rejects.toThrow('dictionary of 1 MiB');
  const enough = nodeDecoders(xzModule, { windowBytes: 2 * MIB });
  expect(same(await read('7z', chunked(samples.sevenZip), enough), original)).toBe(true);
});

it.each([
  ['lz4', '02214c18', '020000001061'],
  ['bzip2', '', '425a683931415926535919939b6b00000001002000200021184682ee48a70a120332736d60'],
] as const)(
  'a block of %s that is one letter long does not take the MiB that it might stand for',
  async (name, head, block) => {
    const sizes: number[] = [];
    const source = chunked(Uint8Array.from(Buffer.from(head + block.repeat(3), 'hex')));
    for await (const piece of decoders[name](source)) {
      expect(new TextDecoder().decode(piece)).toBe('a');
      sizes.push(piece.buffer.byteLength);
    }
    expect(sizes).toHaveLength(3);
    expect(Math.max(...sizes)).toBeLessThan(4096);
  },
);

/** What a decoder of its own would take a millisecond for, each: some seconds for all of them. */
const nothing = new Uint8Array(0);
const textInZip = (method: number) => {
  const entry = Buffer.from('504b03041400000000000000000000000000000000000000000005000000612e747874', 'hex');
  entry[8] = method;
  return Uint8Array.from(entry);
};

it.each([
  ['gzip', 3000, () => gzip(nothing), nothing, decoders],
  ['zstd', 3000, () => new Uint8Array(zstdCompressSync(nothing)), nothing, decoders],
  ['zip', 1000, () => textInZip(95), samples.zip, decoders],
  ['zstd', 12_000, () => new Uint8Array(zstdCompressSync(nothing)), nothing, inBrowsers],
] as const)('%s of thousands of members of nothing costs what they are', async (name, times, one, last, by) => {
  const members = await joined(...Array<Uint8Array>(times).fill(await one()), last);
  const before = process.cpuUsage();
  expect(same(await read(name, chunked(members, 65_536), by), last.length > 0 ? original : nothing)).toBe(true);
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(1_000_000);
});

it('blocks of nothing in a frame of zstd are written many at once', async () => {
  const frame = concat([
    Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58),
    new Uint8Array(30_000),
    Uint8Array.of(1, 0, 0),
  ]);
  const before = process.cpuUsage();
  expect(await read('zstd', chunked(frame, 65_536))).toHaveLength(0);
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(1_000_000);
});
