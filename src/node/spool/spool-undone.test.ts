/** What is told of compressed bytes that stand for very many. */

import { expect, test } from 'vitest';
import { watched } from './spool-undone.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Nobody looks at them: they take no memory. */
const chunk = new Uint8Array(256 * MIB);

/** At how many GiB somebody is told, of so many that came out of `packedBytes` a GiB. */
async function told(gib: number, packedBytes: number): Promise<number[]> {
  const at: number[] = [];
  let taken = 0;
  async function* bytes() {
    for (; taken < gib * GIB; taken += chunk.length) yield chunk;
  }
  for await (const _ of watched(
    bytes(),
    () => (taken / GIB) * packedBytes,
    (undone) => at.push(undone / GIB),
  ));
  return at;
}

test('a small file that stands for very many bytes is told of within seconds, an image that shrank as images do is not', async () => {
  expect(await told(10, MIB)).toEqual([1, 2, 4, 8]);
  expect(await told(40, GIB / 4)).toEqual([]);
  expect(await told(130, GIB / 4)).toEqual([64, 128]);
});

test('and what no image can be ends', async () => {
  const endless = (async function* () {
    for (;;) yield chunk;
  })();
  const all = async () => {
    for await (const _ of watched(
      endless,
      () => MIB,
      () => {},
    ));
  };
  await expect(all()).rejects.toThrow('more than 16 TiB');
});
