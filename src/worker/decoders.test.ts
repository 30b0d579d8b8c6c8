/** Decompression where workerd's own zlib differs from Node's: what is behind the data, and how much memory there is. */

import { describe, expect, it } from 'vitest';
import { samples } from '../../test/fakes/compressed-samples.ts';
import { DecompressError, decompress } from '../archive/decompress.ts';
import { concat } from '../bytes/concat.ts';
import { workerDecoders } from './decoders.ts';

const original = Uint8Array.from({ length: 200_000 }, (_, at) => (at * at) % 251);

const gzip = async (data: Uint8Array) =>
  new Uint8Array(
    await new Response(new Blob([concat([data])]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
  );

async function* chunked(data: Uint8Array, chunkBytes: number) {
  for (let from = 0; from < data.length; from += chunkBytes) yield data.subarray(from, from + chunkBytes);
}

async function read(compression: 'gzip' | 'zstd', file: Uint8Array, chunkBytes: number) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(compression, chunked(file, chunkBytes), workerDecoders)) chunks.push(chunk);
  return concat(chunks);
}

describe.each([
  ['nothing', new Uint8Array(0)],
  ['one zero', Uint8Array.of(0)],
  ['zeros', new Uint8Array(70_000)],
  ["a firmware's metadata", new TextEncoder().encode('FWx0{"metadata_version":"1.1"}')],
])('gzip members with %s behind them', (_, behind) => {
  it.each([1, 1000, 65_536])('are read back whole from chunks of %i bytes', async (chunkBytes) => {
    const file = concat([await gzip(original.subarray(0, 5000)), await gzip(original.subarray(5000)), behind]);
    expect(await read('gzip', file, chunkBytes)).toEqual(original);
  });
});

it('a gzip file that is cut short or damaged is an error', async () => {
  const file = await gzip(original);
  await expect(read('gzip', file.subarray(0, -1), 1000)).rejects.toBeInstanceOf(DecompressError);
  await expect(read('gzip', file.with(-6, 1), 1000)).rejects.toThrow('incorrect data check');
});

it('zstd with a long window is refused with what it needs and what there is', async () => {
  await expect(read('zstd', samples.zstdWideWindow, 1000)).rejects.toThrow(
    'it needs a window of 128 MiB, and this host has 64 MiB for it',
  );
});
