/** Files that NTFS compresses, parts of them that do not compress too: without an MMU the driver's mappings are copies. */

import { randomFillSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { openImage } from '../../../src/library/index.ts';
import { fixtureBytes } from '../../library/images.ts';

/** FILE_ATTRIBUTE_DIRECTORY and FILE_ATTRIBUTE_COMPRESSED, [MS-FSCC] 2.6: files made in it are compressed. */
const COMPRESSED_DIRECTORY = Buffer.from([0x10, 0x08, 0, 0]);
const FRAME = 16 * 4096;

it('what is written into a compressed file of NTFS is what is read from it after the next mount', async () => {
  const image = await fixtureBytes('ntfs');
  const random = randomFillSync(Buffer.alloc(2 * FRAME + 1234));
  const plain = Buffer.alloc(2 * FRAME, 'words that compress ');
  const mixed = Buffer.concat([plain, random, Buffer.alloc(2 * FRAME), plain]);
  {
    await using written = await openImage(image, { writable: true });
    await written.mkdir('/squeezed');
    await written.setxattr('/squeezed', 'system.ntfs_attrib', COMPRESSED_DIRECTORY);
    await written.writeFile('/squeezed/mixed', mixed);
  }
  await using read = await openImage(image);
  expect((await read.stat('/squeezed/mixed')).blocks * 512).toBeLessThan(mixed.length);
  expect((await read.readFile('/squeezed/mixed')).equals(mixed)).toBe(true);
});
