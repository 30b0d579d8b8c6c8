/** Images for tests of the library: fixtures as files, and one tree both in an image and on this machine. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECTOR } from '../../src/storage/block-device.ts';
import { fixtureDevice } from '../fixtures/load.ts';

/** All bytes of a fixture. */
export async function fixtureBytes(name: string): Promise<Buffer> {
  const device = await fixtureDevice(name);
  const bytes = Buffer.alloc(device.sectors * SECTOR);
  device.read(0, bytes);
  return bytes;
}

/** A folder that is gone after `use`. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-library-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the fixture has in its files of 13 bytes. */
const HELLO = 'b9620ae1 0000';

/** The part of the ext4 fixture that tests name, made by this machine's own file system. */
export function writeTwin(folder: string): void {
  mkdirSync(join(folder, 'dir/nested/more'), { recursive: true });
  mkdirSync(join(folder, 'dir/empty-dir'));
  mkdirSync(join(folder, 'links'));
  for (const path of ['hello.txt', 'dir/nested/hello-3', 'links/hello-2']) writeFileSync(join(folder, path), HELLO);
  writeFileSync(join(folder, 'dir/nested/more/leaf'), Buffer.alloc(777));
  writeFileSync(join(folder, 'empty'), '');
  symlinkSync('../hello.txt', join(folder, 'links/short'));
  symlinkSync('/etc/passwd', join(folder, 'links/absolute'));
}
