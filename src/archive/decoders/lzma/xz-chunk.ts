/** An xz stream that is in memory as a whole (The .xz File Format, 1.1.0): blocks of LZMA2 alone. */

import { concat } from '../../../bytes/concat.ts';
import { crc32 } from '../../../bytes/crc32.ts';
import { LzmaCoder, MAX_DICTIONARY_BYTES } from './lzma-coder.ts';
import { dictionaryBytesOf, lzma2Chunk } from './lzma2.ts';

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const LZMA2 = 0x21;
/** Bytes of a block's checksum by its type (2.1.1.2). */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const CRC32 = 1;

/** Its bytes, at most `maxBytes` of them. A checksum is compared where it is CRC32. */
export function unxzChunk(packed: Uint8Array, maxBytes: number): Uint8Array {
  if (!MAGIC.every((byte, at) => packed[at] === byte)) throw new Error('it does not begin as xz data');
  const check = (packed[7] ?? 0) & 15;
  const blocks: Uint8Array[] = [];
  let left = maxBytes;
  let at = 12;
  for (;;) {
    const headerBytes = ((packed[at] ?? 0) + 1) * 4;
    if (at >= packed.length) throw new Error('it ends too early');
    if (packed[at] === 0) return concat(blocks); // the index
    const block = readBlock(packed, at, headerBytes, left);
    const checkAt = at + headerBytes + Math.ceil(block.used / 4) * 4;
    const sum = new DataView(packed.buffer, packed.byteOffset, packed.length);
    if (checkAt + (CHECK_BYTES[check] ?? 0) > packed.length) throw new Error('it ends too early');
    if (check === CRC32 && sum.getUint32(checkAt, true) !== crc32(block.bytes))
      throw new Error('its checksum is wrong');
    blocks.push(block.bytes);
    left -= block.bytes.length;
    at = checkAt + (CHECK_BYTES[check] ?? 0);
  }
}

function readBlock(packed: Uint8Array, at: number, headerBytes: number, maxBytes: number) {
  const header = packed.subarray(at, at + headerBytes);
  if (header.length < headerBytes) throw new Error('it ends too early');
  const flags = header[1] ?? 0;
  let place = 2;
  const skipNumber = (): void => {
    while (((header[place] ?? 0) & 0x80) !== 0) place += 1;
    place += 1;
  };
  if (flags & 0x40) skipNumber();
  if (flags & 0x80) skipNumber();
  if ((flags & 3) !== 0 || header[place] !== LZMA2) throw new Error('it uses a filter besides LZMA2');
  const dictionaryBytes = Math.min(dictionaryBytesOf(header[place + 2] ?? 0), MAX_DICTIONARY_BYTES);

  const made: Uint8Array[] = [];
  const coder = new LzmaCoder(Math.min(dictionaryBytes, maxBytes), (bytes) => made.push(bytes.slice()));
  let used = 0;
  const data = packed.subarray(at + headerBytes);
  for (let length = lzma2Chunk(data, coder); length > 0; length = lzma2Chunk(data.subarray(used), coder)) {
    used += length;
    if (coder.total > maxBytes) throw new Error(`it unpacks to more than ${maxBytes} bytes`);
  }
  coder.flush();
  return { used: used + 1, bytes: concat(made) };
}
