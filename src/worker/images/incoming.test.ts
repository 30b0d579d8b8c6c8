/** What a body may grow to when it is decompressed. */

import { expect, it } from 'vitest';
import { chunked, MIB, zstdZeros } from '../../../test/fakes/bodies.ts';
import { HostError } from '../../errors/host-error.ts';
import { workerDecoders } from '../decoders.ts';
import { openBody } from './incoming.ts';

async function decompressedBytes(body: Uint8Array, maxImageBytes: number): Promise<number> {
  const { bytes } = await openBody(
    { stream: new Blob([body]).stream(), lengthBytes: body.length, compression: 'auto' },
    { maxImageBytes, decoders: workerDecoders },
  );
  let length = 0;
  for await (const chunk of bytes) length += chunk.length;
  return length;
}

it('a body that grows a thousandfold is taken up to the first GiB, and refused past it', async () => {
  await expect(decompressedBytes(zstdZeros(1000 * MIB), 2 ** 40)).resolves.toBe(1000 * MIB);
  const refused = decompressedBytes(zstdZeros(1100 * MIB), 2 ** 40);
  await expect(refused).rejects.toBeInstanceOf(HostError);
  await expect(refused).rejects.toMatchObject({ kind: 'too-large' });
});

it('a body is refused as soon as it has grown past the size of an image', async () => {
  await expect(decompressedBytes(zstdZeros(MIB), MIB)).resolves.toBe(MIB);
  await expect(decompressedBytes(zstdZeros(2 * MIB), MIB)).rejects.toMatchObject({ members: { max_bytes: MIB } });
});

it.each([
  ['gzip', [0x1f, 0x8b, 0x08, 0xff]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd, 0xff]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0xff]],
])('a body of bad %s is let go of', async (_, head) => {
  const body = new Uint8Array(4 * MIB).fill(0xff);
  body.set(head);
  const stream = chunked(body);
  const limits = { maxImageBytes: 2 ** 40, decoders: workerDecoders };
  const { bytes } = await openBody({ stream, lengthBytes: undefined, compression: 'auto' }, limits);
  await expect(bytes[Symbol.asyncIterator]().next()).rejects.toMatchObject({ kind: 'bad-compression' });
  expect(stream.locked).toBe(false);
});
