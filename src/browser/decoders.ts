/** Decompression as a browser has it: gzip by itself, zstd by the package fzstd, xz by XZ Embedded, the rest by our own. */

import { Decompress } from 'fzstd';
import type { InflateRaw } from '../archive/decoders/inflated.ts';
import { portableDecoders } from '../archive/decoders/portable.ts';
import type { Bytes, Decoders } from '../archive/decompress.ts';
import { unxz } from '../archive/unxz.ts';

/** `xzModule` is xz-embedded.wasm, compiled. */
export function browserDecoders(xzModule: WebAssembly.Module): Decoders {
  const xz = (source: Bytes) => unxz(source, xzModule);
  return { ...portableDecoders({ inflateRaw, xz, zstd, maxHeldBytes: MAX_HELD_BYTES }), gzip, zstd, xz };
}

/** A 7z archive is held whole. */
const MAX_HELD_BYTES = 256 * 2 ** 20;

/** Of data that ends where the stream does: the platform's decoder does not tell where that is. */
const inflateRaw: InflateRaw = (input) => throughPlatform('deflate-raw', input.pass(Number.MAX_SAFE_INTEGER));

/** Rejects, as the platform's stream does, where something stands behind the last member. */
const gzip = (source: Bytes): Bytes => throughPlatform('gzip', source);

async function* throughPlatform(format: CompressionFormat, source: Bytes): Bytes {
  const { readable, writable } = new DecompressionStream(format);
  const writing = (async () => {
    const writer = writable.getWriter();
    for await (const chunk of source) await writer.write(chunk.slice());
    await writer.close();
  })();
  writing.catch(() => {}); // the iteration below throws it too
  const reader = readable.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  await writing;
}

async function* zstd(source: Bytes): Bytes {
  const ready: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => {
    // It goes on writing into its buffer.
    if (chunk.length > 0) ready.push(chunk.slice());
  });
  for await (const chunk of source) {
    decoder.push(chunk);
    yield* ready.splice(0);
  }
  decoder.push(new Uint8Array(0), true);
  yield* ready.splice(0);
}
