/** fs2tar of a part of a tree: a directory, or one file. */

import { unpackTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { fixtureDevice } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';

const entriesOf = async (path: string) => {
  const { tar } = await archive(await fixtureDevice('ext4'), {}, { path });
  return unpackTar(tar as Uint8Array<ArrayBuffer>);
};
const namesOf = async (path: string) => (await entriesOf(path)).map(({ header }) => header.name);

describe('the tar of a path', () => {
  it.each(['hello.txt', '/hello.txt', 'dir/../hello.txt', './hello.txt'])('%s has that one file', async (path) => {
    const [only, ...others] = await entriesOf(path);
    expect(others).toEqual([]);
    expect(only?.header).toMatchObject({ name: './hello.txt', type: 'file', size: 13 });
    expect(only?.data).toHaveLength(13);
  });

  it('in a directory has the name in it', async () => {
    expect(await namesOf('dir/nested/more/leaf')).toEqual(['./leaf']);
  });

  it('is a symlink itself, a device, a fifo', async () => {
    const [link] = await entriesOf('links/short');
    expect(link?.header).toMatchObject({ name: './short', type: 'symlink', linkname: '../hello.txt' });
    const [fifo] = await entriesOf('dev/fifo');
    expect(fifo?.header).toMatchObject({ name: './fifo', type: 'fifo' });
  });

  it('is a directory with all that is below it', async () => {
    const names = await namesOf('dir');
    expect(names[0]).toBe('./');
    expect(names).toContain('./nested/more/leaf');
  });

  it.each([
    ['nope', 'ENOENT'],
    ['hello.txt/', 'ENOTDIR'],
    ['hello.txt/more', 'ENOTDIR'],
  ])('%s is refused with %s', async (path, errno) => {
    await expect(entriesOf(path)).rejects.toMatchObject({ errno });
  });
});
