/** Files that macOS compresses: empty to Linux, with what is in them in an attribute or in a fork that it does not show. */

import { expect, it } from 'vitest';
import { openImage } from '../../../src/library/index.ts';
import { fixtureBytes } from '../../library/images.ts';

it('a file of HFS+ that macOS compressed is an error to read, alone and in a tar, and no empty file', async () => {
  const image = await fixtureBytes('hfsplus');
  {
    await using written = await openImage(image, { writable: true });
    await written.writeFile('/squeezed', '');
    await written.setxattr('/squeezed', 'osx.com.apple.decmpfs', Buffer.from('fpmc'));
  }
  await using read = await openImage(image);
  await expect(read.readFile('/squeezed')).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  expect((await read.readFile('/empty')).length).toBe(0);
  const tar = async () => {
    for await (const _ of read.tar());
  };
  await expect(tar()).rejects.toThrow('./squeezed: operation not supported');
});
