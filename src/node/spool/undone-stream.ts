/** A stream that may be compressed, as what it stands for. */

import { byteReader } from '../../archive/byte-reader.ts';
import { DecompressError, decompress, detectCompression, MAGIC_BYTES } from '../../archive/decompress.ts';
import { HostError } from '../../errors/host-error.ts';
import { nodeDecoders } from '../decoders.ts';
import { readPackageFile } from '../package-files.ts';

/** Rejects with `bad-compression` where it cannot be undone. */
export async function* undoneStream(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = byteReader(stream);
  const head = await reader.take(MAGIC_BYTES);
  reader.unread(head);
  const rest = reader.pass(Number.POSITIVE_INFINITY);
  const compression = detectCompression(head);
  if (compression === undefined) {
    yield* rest;
    return;
  }
  const xzModule = await WebAssembly.compile(await readPackageFile('src/archive/xz-embedded.wasm'));
  try {
    yield* decompress(compression, rest, nodeDecoders(xzModule));
  } catch (cause) {
    throw cause instanceof DecompressError ? new HostError('bad-compression', cause.message, { cause }) : cause;
  }
}
