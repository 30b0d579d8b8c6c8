/** Bodies for tests: bytes that differ everywhere, and streams that behave as clients do. */

import { concat } from '../../src/bytes/concat.ts';
export const MIB = 2 ** 20;

/** Bytes that no run of them repeats: a xorshift sequence. */
export function noise(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = 0x9e3779b9;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}

/** `bytes` without a length, in chunks. */
export function chunked(bytes: Uint8Array, chunkBytes = 64 * 1024): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (at >= bytes.length) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      controller.enqueue(bytes.slice(at, at + chunkBytes));
      at += chunkBytes;
    },
  });
}

/** As `chunked`, but after the last byte the client goes away. */
export function cutOff(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let sent = false;
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (sent) controller.error(new Error('the client went away'));
      else controller.enqueue(bytes.slice());
      sent = true;
    },
  });
}

export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([concat([bytes])]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const RLE_BYTES = 128 * 1024;

/** A zstd frame that stands for `bytes` zeros in run-length blocks of four bytes each (RFC 8878 3.1.1.2). */
export function zstdZeros(bytes: number): Uint8Array {
  const blocks = Math.ceil(bytes / RLE_BYTES);
  const frame = new Uint8Array(6 + 4 * blocks);
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0, (17 - 10) << 3]); // a window of 2^17 bytes, no checksum
  for (let block = 0; block < blocks; block += 1) {
    const header = (RLE_BYTES << 3) | (1 << 1) | (block === blocks - 1 ? 1 : 0);
    frame.set([header & 0xff, (header >> 8) & 0xff, header >> 16], 6 + 4 * block);
  }
  return frame;
}

export const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
