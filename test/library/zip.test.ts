/** A tree as a zip: everything that a zip has a place for. */

import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { openImage } from '../../src/library/index.ts';
import { readZip } from '../fakes/zip-reader.ts';
import { type Entry, fixtureDevice, fixtureListing } from '../fixtures/load.ts';

const NS = 1_000_000_000n;

const bytesOf = async (stream: ReadableStream<Uint8Array>) =>
  new Uint8Array(await buffer(Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0])));

it('has files, directories and symlinks of the tree, the same each time; the rest is counted', async () => {
  await using image = await openImage(await fixtureDevice('ext4'));
  const zip = image.zip();
  const bytes = await bytesOf(zip);
  const report = await zip.report;
  expect(Buffer.compare(bytes, await bytesOf(image.zip()))).toBe(0);
  const rows = new Map((await readZip(bytes)).map((row) => [Buffer.from(row.name).toString('latin1'), row]));
  const listing = (await fixtureListing('ext4')).filter((entry): entry is Entry => !('error' in entry));
  let left = 0;
  for (const stat of await Promise.all(listing.map(({ path }) => image.lstat(Buffer.from(path))))) {
    if (!stat.isFile() && !stat.isDirectory() && !stat.isSymbolicLink() && !stat.isSocket()) left += 1;
  }
  expect(report.specialFilesSkipped).toBe(left);
  expect(left).toBeGreaterThan(0);
  expect(report.linksCopied).toBeGreaterThan(0);
  for (const [name, row] of rows) {
    const path = Buffer.from(`/${name}`, 'latin1');
    const stat = await image.lstat(path);
    const { mtimeNs } = await image.lstat(path, { bigint: true });
    const seconds = Number((mtimeNs - (((mtimeNs % NS) + NS) % NS)) / NS);
    const mtime = seconds === (seconds | 0) ? seconds : undefined; // there is a field of 64 bits, then
    expect(row).toMatchObject({ mode: stat.mode, uid: stat.uid, mtime });
    expect(name.endsWith('/')).toBe(stat.isDirectory());
    const content = stat.isSymbolicLink() ? await image.readlink(path, 'buffer') : Buffer.alloc(0);
    const expected = stat.isFile() ? await image.readFile(path) : content;
    expect(Buffer.compare(row.bytes, expected)).toBe(0);
  }
  // All but the directory that it is of.
  expect(rows.size).toBe(report.entries - 1);
});

it('begins at a directory, or has one file', async () => {
  await using image = await openImage(await fixtureDevice('ext4'));
  const namesOf = async (path: string) =>
    (await readZip(await bytesOf(image.zip({ path })))).map(({ name }) => new TextDecoder().decode(name));
  expect(await namesOf('/hello.txt')).toEqual(['hello.txt']);
  expect(await namesOf('/dir/nested')).toContain('more/leaf');
  await expect(image.zip({ path: '/nothing' }).report).rejects.toMatchObject({ code: 'ENOENT' });
});
