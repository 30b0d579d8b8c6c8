/** Decompression as a browser has it: gzip by itself, zstd by the package fzstd, xz by XZ Embedded. */

import { Decompress } from 'fzstd';
import type { Bytes, Decoders } from '../archive/decompress.ts';
import { unxz } from '../archive/unxz.ts';

/** `xzModule` is xz-embedded.wasm, compiled. */
export const browserDecoders = (xzModule: WebAssembly.Module): Decoders => ({
  gzip,
  zstd,
  xz: (source) => unxz(source, xzModule),
});

/** Rejects, as the platform's stream does, where something stands behind the last member. */
async function* gzip(source: Bytes): Bytes {
  const { readable, writable } = new DecompressionStream('gzip');
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
