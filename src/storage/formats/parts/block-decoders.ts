/** Undoes the compression of single chunks, whose unpacked size is known before. */

import { inflateSync } from 'fflate';
import { Decompress } from 'fzstd';
import { adler32 } from '../../../bytes/adler32.ts';
import { concat } from '../../../bytes/concat.ts';
import { FormatError } from '../../errors.ts';

/** A chunk of at most `maxBytes`; throws where it is damaged or would be more. */
export type ChunkDecoder = (packed: Uint8Array, maxBytes: number) => Uint8Array;

/** What a host has for single chunks that is faster than what runs everywhere. */
export interface HostChunks {
  /** RFC 1951. What follows the end of the stream is left alone. */
  readonly inflateRaw: ChunkDecoder;
  /** RFC 8878: one frame, and nothing else. */
  readonly unzstd: ChunkDecoder;
}

export interface ChunkDecoders {
  readonly inflateRaw: ChunkDecoder;
  /** RFC 1950, checksum included: all of it, which the checksum ends. */
  readonly inflateZlib: ChunkDecoder;
  /** RFC 8878: the first frame. What follows it is left alone. */
  readonly unzstd: ChunkDecoder;
}

export const chunkDecoders = (host: HostChunks = portable): ChunkDecoders => ({
  inflateRaw(packed, maxBytes) {
    // The portable library takes nothing for everything.
    if (packed.length === 0) throw new Error('it is empty');
    return host.inflateRaw(packed, maxBytes);
  },
  inflateZlib: (packed, maxBytes) => inflateZlib(host.inflateRaw, packed, maxBytes),
  unzstd(packed, maxBytes) {
    const { bytes, windowBytes } = zstdFrame(packed);
    if (windowBytes > MAX_WINDOW_BYTES) throw new Error(`it has a window of ${windowBytes} bytes`);
    return host.unzstd(packed.subarray(0, bytes), maxBytes);
  },
});

function inflateZlib(inflateRaw: ChunkDecoder, packed: Uint8Array, maxBytes: number): Uint8Array {
  const [method = 0, flags = 0] = packed;
  const sound = packed.length > 6 && (method & 15) === 8 && (method * 256 + flags) % 31 === 0 && (flags & 32) === 0;
  if (!sound) throw new Error('it does not begin as zlib data');
  const bytes = inflateRaw(packed.subarray(2), maxBytes);
  const sum = packed.subarray(-4).reduce((value, byte) => value * 256 + byte, 0);
  if (adler32(bytes) !== sum) throw new Error('its checksum is wrong');
  return bytes;
}

/** The window that every decoder must have (RFC 8878, 3.1.1.1.2), and that no writer of single chunks goes beyond. */
const MAX_WINDOW_BYTES = 8 * 2 ** 20;

/** By libraries that run everywhere. */
const portable: HostChunks = {
  // It drops what does not fit: a byte of room tells that there was more.
  inflateRaw: (packed, maxBytes) => bounded(inflateSync(packed, { out: new Uint8Array(maxBytes + 1) }), maxBytes),
  unzstd(packed, maxBytes) {
    const unpacked: Uint8Array[] = [];
    let length = 0;
    const decoder = new Decompress((piece) => {
      length += piece.length;
      if (length > maxBytes) throw new Error(tooMuch(maxBytes));
      unpacked.push(piece);
    });
    decoder.push(packed, true);
    return concat(unpacked);
  },
};

function bounded(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length > maxBytes) throw new Error(tooMuch(maxBytes));
  return bytes;
}

export const tooMuch = (maxBytes: number): string => `it unpacks to more than ${maxBytes} bytes`;

/** How long the frame is that `packed` begins with, and how much its decoder must remember (RFC 8878, 3.1.1). */
function zstdFrame(packed: Uint8Array): { readonly bytes: number; readonly windowBytes: number } {
  const flags = packed[4] ?? 0;
  const single = (flags >> 5) & 1;
  const contentAt = 5 + (1 - single) + ([0, 1, 2, 4][flags & 3] ?? 0);
  const contentBytes = [single, 2, 4, 8][flags >> 6] ?? 0;
  let at = contentAt + contentBytes;
  const window = packed[5] ?? 0;
  const content = packed.subarray(contentAt, at).reduceRight((value, byte) => value * 256 + byte, 0);
  const windowBytes = single ? content : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  for (;;) {
    if (at + 3 > packed.length) throw new Error('it ends too early');
    const header = (packed[at] ?? 0) | ((packed[at + 1] ?? 0) << 8) | ((packed[at + 2] ?? 0) << 16);
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3);
    if ((header & 1) === 1) return { bytes: at + (flags & 4), windowBytes };
  }
}

/** A chunk as a format keeps it, unpacked to `least` bytes or more; whatever is wrong with it is a FormatError. */
export function unpackChunk(
  format: string,
  decode: ChunkDecoder,
  packed: Uint8Array,
  maxBytes: number,
  least = maxBytes,
): Uint8Array {
  let unpacked: Uint8Array;
  try {
    unpacked = decode(packed, maxBytes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(format, `a compressed chunk is damaged: ${why}`, { cause });
  }
  if (unpacked.length < least) {
    throw new FormatError(format, `a compressed chunk has ${unpacked.length} bytes in place of ${least}`);
  }
  return unpacked;
}
