/** An image of the tests, whole. */

import { readFileSync } from 'node:fs';
import { unxz } from '../../src/archive/unxz.ts';
import { concat } from '../../src/bytes/concat.ts';
import { sparseDevice } from '../../test/fixtures/sparse-device.ts';

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export async function fixture(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const xz = await WebAssembly.compile(readFileSync(new URL('../../src/archive/xz-embedded.wasm', import.meta.url)));
  const chunks: Uint8Array[] = [];
  const packed = readFileSync(new URL(`../../test/fixtures/${name}.img.xz`, import.meta.url));
  for await (const chunk of unxz(one(packed), xz)) chunks.push(chunk);
  const device = sparseDevice(concat(chunks));
  const bytes = new Uint8Array(device.sectors * 512);
  await device.read(0, bytes);
  return bytes;
}
