/** `lkl cptofs` as people run it, on an image of theirs: what it says, and what is on the image afterwards. */

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lkl } from '../../../cli/test/command.ts';
import { writableFile } from '../../../src/node/files/writable-file.ts';
import { SECTOR } from '../../../src/storage/block-device.ts';
import { openDisk } from '../../../src/storage/open-disk.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';
import { readTar } from '../read-tar.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-cptofs-'));
const image = join(folder, 'ext4.img');
const tree = join(folder, 'etc');
const bytes = (text: string) => new TextEncoder().encode(text);

beforeAll(async () => {
  const device = await fixtureDevice('ext4');
  const all = new Uint8Array(device.sectors * SECTOR);
  device.read(0, all);
  writeFileSync(image, all);
  mkdirSync(join(tree, 'sub'), { recursive: true });
  writeFileSync(join(tree, 'a.conf'), 'a');
  writeFileSync(join(tree, 'b.conf'), 'b');
  writeFileSync(join(tree, 'c.txt'), 'c');
  symlinkSync('a.conf', join(tree, 'sub/link'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What is on the image now, by path. */
async function entries() {
  const file = writableFile(image);
  const { tar } = await archive((await openDisk(file)).device);
  file.close();
  return new Map(readTar(tar).map((entry) => [Buffer.from(entry.path).toString('latin1'), entry]));
}

it('a folder arrives under its name, as root unless told otherwise', async () => {
  expect(await lkl(['cptofs', '-t', 'ext4', '-i', image, tree, '/'])).toMatchObject({ exitCode: 0, stderr: '' });
  const found = await entries();
  expect(found.get('./etc/a.conf')).toMatchObject({ uid: 0, gid: 0, data: bytes('a') });
  expect(found.get('./etc/sub/link')).toMatchObject({ typeflag: '2', linkPath: bytes('a.conf') });
});

it('a pattern, an owner, a group and a label go to what is copied, into a directory of the image', async () => {
  const label = 'system_u:object_r:etc_t:s0';
  const options = ['-i', image, '-o', '12', '-g', '34', '-s', label];
  expect((await lkl(['cptofs', ...options, join(tree, '*.conf'), '/etc/sub/'])).exitCode).toBe(0);
  const found = await entries();
  const copied = [...found.keys()].filter((path) => path.startsWith('./etc/sub/'));
  expect(copied).toEqual(['./etc/sub/', './etc/sub/a.conf', './etc/sub/b.conf', './etc/sub/link']);
  expect(found.get('./etc/sub/b.conf')).toMatchObject({ uid: 12, gid: 34, data: bytes('b') });
  expect(found.get('./etc/sub/b.conf')?.xattrs.get('security.selinux')).toEqual(bytes(`${label}\0`));
  expect(found.get('./etc/sub/link')?.uid).toBe(0);
});

it('cpfromfs brings back what cptofs took in', async () => {
  const back = join(folder, 'back');
  mkdirSync(back);
  expect(await lkl(['cpfromfs', '-t', 'ext4', '-i', image, '/etc/*.conf', '/etc/sub', back])).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
  expect(readdirSync(back, { recursive: true }).sort()).toEqual(
    ['a.conf', 'b.conf', 'sub', 'sub/a.conf', 'sub/b.conf', 'sub/link'].sort(),
  );
  expect(readFileSync(join(back, 'sub/link'), 'utf8')).toBe('a');
});

it('fs2tar writes the labels that cptofs set to a file, too; cpfromfs keeps owners where it may', async () => {
  const [labels, kept] = [join(folder, 'labels'), join(folder, 'kept')];
  const tar = ['fs2tar', '-q', '-t', 'ext4', '-s', labels, image, join(folder, 'all.tar')];
  expect(await lkl(tar)).toMatchObject({ exitCode: 0 });
  expect(readFileSync(labels, 'utf8').split('\n')).toContain('/etc/sub/b.conf system_u:object_r:etc_t:s0');
  mkdirSync(kept);
  const { exitCode, stderr } = await lkl(['cpfromfs', '--keep-owner', '-i', image, '/etc/sub/b.conf', kept]);
  if (process.geteuid?.() === 0) expect(statSync(join(kept, 'b.conf'))).toMatchObject({ uid: 12, gid: 34 });
  else
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('an owner was not kept'),
    });
  expect(readFileSync(join(kept, 'b.conf'), 'utf8')).toBe('b');
});

it.each([
  ['what is not there', () => ['-i', image, join(tree, 'no'), '/'], 1, /no: there is no such file or folder/],
  ['a directory that the image lacks', () => ['-i', image, tree, '/no/such'], 2, /no\/such: no such file or directory/],
  ['one path alone', () => ['-i', image, tree], 1, /name what is to be copied/],
  [
    'another type',
    () => ['-i', image, '-t', 'xfs', tree, '/'],
    2,
    /whole image, xfs, cannot be mounted: .* superblock/,
  ],
  ['an image that is not there', () => ['-i', join(folder, 'no.img'), tree, '/'], 4, /no such file or directory/],
])('%s is an error in the words of the command line, and leaves the image as it was', async (_, args, code, words) => {
  const before = await entries();
  const { exitCode, stderr } = await lkl(['cptofs', ...args()]);
  expect(stderr).toMatch(words);
  expect(exitCode).toBe(code);
  expect(await entries()).toEqual(before);
});
