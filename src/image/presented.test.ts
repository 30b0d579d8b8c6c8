/** What the first sectors of an image say of it, where they do not agree. */

import { expect, it } from 'vitest';
import { fixtureDevice } from '../../test/fixtures/load.ts';
import { presented } from './presented.ts';
import { patched } from './probe/patch.ts';

it('a GPT is none of a disk that has a DOS table with partitions of its own', async () => {
  const disk = await fixtureDevice('disk-gpt');
  expect((await presented(disk)).gpt).toBeDefined();
  const table = new Uint8Array(66);
  table.set([0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0]);
  table.set([0x55, 0xaa], 64);
  expect((await presented(patched(disk, [{ at: 446, bytes: table }]))).gpt).toBeUndefined();
});
