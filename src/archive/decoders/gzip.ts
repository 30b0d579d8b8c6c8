/** gzip files (RFC 1952): members one after another, and behind them whatever there is. */

import { type ByteReader, byteReader } from '../byte-reader.ts';
import type { Bytes } from '../decompress.ts';
import type { InflateRaw } from './inflated.ts';

export interface GzipNeeds {
  readonly inflateRaw: InflateRaw;
  crc32(bytes: Uint8Array, value: number): number;
}

const MAGIC = [0x1f, 0x8b, 8];
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const MAX_NAME_BYTES = 2 ** 16;

/** Bits of FLG (2.3.1). */
const HEADER_CRC = 1 << 1;
const EXTRA = 1 << 2;
const NAME = 1 << 3;
const COMMENT = 1 << 4;
const RESERVED = 0xe0;

/**
 * What is behind the last member and does not begin as one is left alone, as gzip(1) does: zeros of a tape or a block device,
 * signatures and metadata that firmware has there.
 */
export async function* gunzip(source: Bytes, { inflateRaw, crc32 }: GzipNeeds): Bytes {
  const input = byteReader(source);
  /** The member before is a block with something in it, of a file of blocks. */
  let wantsEnd = false;
  try {
    for (let members = 0; ; members += 1) {
      const header = await input.take(HEADER_BYTES);
      if (!MAGIC.every((byte, at) => header[at] === byte)) {
        if (members === 0)
          throw new Error(header.length < HEADER_BYTES ? 'it ends too early' : 'it does not begin as one');
        if (isDamagedHead(header)) throw new Error('what stands behind a member looks like one whose head is damaged');
        if (wantsEnd || beginsAsMember(header)) throw new Error('it ends too early');
        return;
      }
      const isBlock = await passHeader(input, header);
      let crc = 0;
      let bytes = 0;
      for await (const chunk of inflateRaw(input)) {
        crc = crc32(chunk, crc);
        bytes += chunk.length;
        yield chunk;
      }
      const trailer = await input.take(TRAILER_BYTES);
      if (trailer.length < TRAILER_BYTES) throw new Error('it ends too early');
      const view = new DataView(trailer.buffer, trailer.byteOffset);
      if (view.getUint32(0, true) !== crc >>> 0) throw new Error('incorrect data check');
      if (view.getUint32(4, true) !== bytes % 2 ** 32) throw new Error('incorrect length check');
      wantsEnd = isBlock && bytes > 0;
    }
  } finally {
    await input.close();
  }
}

/** Levels as XFL tells them, and systems as OS does (2.3.1). */
const LEVELS = [0, 2, 4];
const isSystem = (byte: number) => byte <= 13 || byte === 255;

/**
 * Two of the three bytes that a member begins with, and behind them what only a member has: by chance that is so of one
 * in 50 million places. Taken for something else, all that follows would be missing without a word.
 */
function isDamagedHead(header: Uint8Array): boolean {
  if (header.length < HEADER_BYTES || MAGIC.filter((byte, at) => header[at] === byte).length < 2) return false;
  const [flags = 0, level = 0, system = 0] = [header[3], header[8], header[9]];
  return (flags & RESERVED) === 0 && LEVELS.includes(level) && isSystem(system);
}

/** All that there is at the end is the first bytes of another member; one alone may be anything. */
const beginsAsMember = (header: Uint8Array): boolean =>
  header.length > 1 && MAGIC.every((byte, at) => at >= header.length || header[at] === byte);

/** "BC" and two bytes: a block of bgzip's, which ends a file with an empty one (SAM/BAM specification, 4.1.2). */
const isBlockField = (extra: Uint8Array): boolean =>
  extra.length === 6 && extra[0] === 0x42 && extra[1] === 0x43 && extra[2] === 2 && extra[3] === 0;

/** What of the header follows its first ten bytes; whether it is one of many blocks. */
async function passHeader(input: ByteReader, header: Uint8Array): Promise<boolean> {
  if (header.length < HEADER_BYTES) throw new Error('it ends too early');
  const flags = header[3] ?? 0;
  if ((flags & RESERVED) !== 0) throw new Error('unknown header flags set');
  let isBlock = false;
  if (flags & EXTRA) {
    const [low = 0, high = 0] = await input.take(2);
    isBlock = isBlockField(await input.take(low + 256 * high));
  }
  if (flags & NAME) await passText(input);
  if (flags & COMMENT) await passText(input);
  if (flags & HEADER_CRC) await input.take(2);
  return isBlock;
}

async function passText(input: ByteReader): Promise<void> {
  for (let bytes = 0; bytes < MAX_NAME_BYTES; bytes += 1) {
    const [byte] = await input.take(1);
    if (byte === undefined) throw new Error('it ends too early');
    if (byte === 0) return;
  }
  throw new Error('its header has a name that does not end');
}
