/** LZ4 files: frames as lz4(1) writes them, and the older ones of Linux kernels (lz4_Frame_format.md, lz4_Block_format.md). */

import { type ByteReader, byteReader } from '../byte-reader.ts';
import type { Bytes } from '../decompress.ts';
import { Xxh32, xxh32 } from './xxh32.ts';

const MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const LEGACY_MAGIC = 0x184c2102;
const LEGACY_BLOCK_BYTES = 8 * 2 ** 20;
/** Of what came before, a block may look back so far. */
const HISTORY_BYTES = 64 * 1024;

const early = () => new Error('it ends too early');

export async function* unlz4(source: Bytes): Bytes {
  const input = byteReader(source);
  try {
    let magic = await word(input);
    if (magic === undefined) throw early();
    while (magic !== undefined) {
      if (magic === MAGIC) {
        yield* frame(input);
        magic = await word(input);
      } else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
        const bytes = await word(input);
        if (bytes === undefined) throw early();
        let passed = 0;
        for await (const piece of input.pass(bytes)) passed += piece.length;
        if (passed < bytes) throw early();
        magic = await word(input);
      } else if (magic === LEGACY_MAGIC) {
        magic = yield* legacyFrame(input);
      } else {
        throw new Error('something that is no frame follows a whole one: cut it off, and that is read');
      }
    }
  } finally {
    await input.close();
  }
}

/** Undefined at the end of the file. */
async function word(input: ByteReader): Promise<number | undefined> {
  const bytes = await input.take(4);
  if (bytes.length === 0) return undefined;
  if (bytes.length < 4) throw early();
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

async function exactly(input: ByteReader, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw early();
  return bytes;
}

/** Bits of FLG. */
const INDEPENDENT = 1 << 5;
const BLOCK_CHECKSUM = 1 << 4;
const CONTENT_SIZE = 1 << 3;
const CONTENT_CHECKSUM = 1 << 2;
const DICTIONARY = 1;

async function* frame(input: ByteReader): Bytes {
  const [flags = 0, sizes = 0] = await exactly(input, 2);
  const maxBytes = { 4: 64 * 1024, 5: 256 * 1024, 6: 2 ** 20, 7: 4 * 2 ** 20 }[sizes >> 4];
  if (flags >> 6 !== 1 || maxBytes === undefined) throw new Error('a frame of a version that is not known');
  if (flags & DICTIONARY) throw new Error('it needs a dictionary');
  const size = await exactly(input, flags & CONTENT_SIZE ? 8 : 0);
  const [sum] = await exactly(input, 1);
  if (((xxh32(Uint8Array.of(flags, sizes, ...size)) >>> 8) & 0xff) !== sum) {
    throw new Error("the checksum of a frame's header is wrong");
  }
  const content = new Xxh32();
  let history: Uint8Array = new Uint8Array(0);
  for (;;) {
    const header = await word(input);
    if (header === undefined) throw early();
    if (header === 0) break;
    const packedBytes = header & 0x7fffffff;
    if (packedBytes > maxBytes) throw new Error('a block that is too long');
    const packed = await exactly(input, packedBytes);
    if (flags & BLOCK_CHECKSUM && (await word(input)) !== xxh32(packed)) {
      throw new Error('the checksum of a block is wrong');
    }
    const block = header >>> 31 ? packed : unlz4Block(packed, history, maxBytes);
    if (flags & CONTENT_CHECKSUM) content.update(block);
    yield block;
    if ((flags & INDEPENDENT) === 0) history = tail(history, block);
  }
  if (flags & CONTENT_CHECKSUM && (await word(input)) !== content.digest()) throw new Error('its checksum is wrong');
}

function tail(history: Uint8Array, block: Uint8Array): Uint8Array {
  if (block.length >= HISTORY_BYTES) return block.slice(-HISTORY_BYTES);
  const kept = history.subarray(Math.max(0, history.length + block.length - HISTORY_BYTES));
  const joined = new Uint8Array(kept.length + block.length);
  joined.set(kept);
  joined.set(block, kept.length);
  return joined;
}

/** Blocks up to the end of the file, or to the next magic number, which is answered. */
async function* legacyFrame(input: ByteReader): AsyncGenerator<Uint8Array, number | undefined> {
  for (;;) {
    const bytes = await word(input);
    if (bytes === undefined || bytes === MAGIC || bytes === LEGACY_MAGIC) return bytes;
    if (bytes > LEGACY_BLOCK_BYTES + LEGACY_BLOCK_BYTES / 255 + 16) throw new Error('a block that is too long');
    yield unlz4Block(await exactly(input, bytes), new Uint8Array(0), LEGACY_BLOCK_BYTES);
  }
}

/** A byte of a length stands for 255 at most. A block of some bytes need not have room for MiB: a file has millions of them. */
const MOST_GROWTH = 256;

/** One block, which may look back into `history`. */
function unlz4Block(packed: Uint8Array, history: Uint8Array, maxBytes: number): Uint8Array {
  const base = history.length;
  const out = new Uint8Array(base + Math.min(maxBytes, packed.length * MOST_GROWTH));
  out.set(history);
  let from = 0;
  let to = base;
  const length = (nibble: number): number => {
    let value = nibble;
    if (nibble === 15) {
      let byte = 255;
      while (byte === 255) {
        byte = packed[from] ?? -1;
        if (byte < 0) throw early();
        from += 1;
        value += byte;
      }
    }
    return value;
  };
  while (from < packed.length) {
    const token = packed[from] ?? 0;
    from += 1;
    const literals = length(token >> 4);
    if (from + literals > packed.length) throw early();
    if (to + literals > out.length) throw new Error('a block that is too long');
    out.set(packed.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === packed.length) break; // the last sequence is literals alone
    if (from + 2 > packed.length) throw early();
    const distance = (packed[from] ?? 0) | ((packed[from + 1] ?? 0) << 8);
    from += 2;
    const match = length(token & 15) + 4;
    if (distance === 0 || distance > to) throw new Error('it looks back to before its beginning');
    if (to + match > out.length) throw new Error('a block that is too long');
    copyWithin(out, to, distance, match);
    to += match;
  }
  return out.subarray(base, to);
}

/** What is `distance` back, `length` bytes of it: it may reach into what it makes. */
export function copyWithin(out: Uint8Array, to: number, distance: number, length: number): void {
  if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
  else for (let at = to; at < to + length; at += 1) out[at] = out[at - distance] ?? 0;
}
