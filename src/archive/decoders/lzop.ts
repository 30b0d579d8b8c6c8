/** lzop files: blocks of LZO1X with checksums. */

import { adler32 } from '../../bytes/adler32.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { type ByteReader, byteReader } from '../byte-reader.ts';
import type { Bytes } from '../decompress.ts';
import { unlzo1x } from './lzo1x.ts';

const MAGIC = [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a];
const MAX_BLOCK_BYTES = 64 * 2 ** 20;

/** Flags of the header. */
const ADLER_UNPACKED = 0x1;
const ADLER_PACKED = 0x2;
const EXTRA = 0x40;
const CRC_UNPACKED = 0x100;
const CRC_PACKED = 0x200;
const MULTIPART = 0x400;
const FILTER = 0x800;

const early = () => new Error('it ends too early');

async function number(input: ByteReader, bytes: number): Promise<number> {
  const taken = await input.take(bytes);
  if (taken.length < bytes) throw early();
  return taken.reduce((value, byte) => value * 256 + byte, 0);
}

export async function* unlzop(source: Bytes): Bytes {
  const input = byteReader(source);
  try {
    for (let files = 0; ; files += 1) {
      const magic = await input.take(MAGIC.length);
      if (magic.length === 0 && files > 0) return;
      if (!MAGIC.every((byte, at) => magic[at] === byte)) throw new Error('it does not begin as one');
      yield* blocks(input, await readFlags(input));
    }
  } finally {
    await input.close();
  }
}

/** Passes the header. */
async function readFlags(input: ByteReader): Promise<number> {
  const version = await number(input, 2);
  const modern = version >= 0x0940;
  await number(input, modern ? 4 : 2); // of the library, and the version that is needed
  const method = await number(input, 1);
  if (method < 1 || method > 3) throw new Error(`method ${method} is not known`);
  if (modern) await number(input, 1); // level
  const flags = await number(input, 4);
  if (flags & FILTER) throw new Error('it uses a filter');
  if (flags & MULTIPART) throw new Error('it is a part of a file');
  await number(input, modern ? 12 : 8); // mode, time
  await input.take(await number(input, 1)); // name
  await number(input, 4); // checksum
  if (flags & EXTRA) {
    for await (const _ of input.pass((await number(input, 4)) + 4)); // not used
  }
  return flags;
}

async function* blocks(input: ByteReader, flags: number): Bytes {
  for (;;) {
    const bytes = await number(input, 4);
    if (bytes === 0) return;
    const packedBytes = await number(input, 4);
    if (bytes > MAX_BLOCK_BYTES || packedBytes > bytes) throw new Error('a block that is too long');
    const isPacked = packedBytes < bytes;
    const expected = {
      adler: flags & ADLER_UNPACKED ? await number(input, 4) : undefined,
      crc: flags & CRC_UNPACKED ? await number(input, 4) : undefined,
    };
    if (isPacked && flags & ADLER_PACKED) await number(input, 4);
    if (isPacked && flags & CRC_PACKED) await number(input, 4);
    const packed = await input.take(packedBytes);
    if (packed.length < packedBytes) throw early();
    const block = isPacked ? unlzo1x(packed, bytes) : packed;
    if (block.length !== bytes) throw new Error('a block that is too short');
    const isWrong =
      (expected.adler !== undefined && expected.adler !== adler32(block)) ||
      (expected.crc !== undefined && expected.crc !== crc32(block));
    if (isWrong) throw new Error('the checksum of a block is wrong');
    yield block;
  }
}
