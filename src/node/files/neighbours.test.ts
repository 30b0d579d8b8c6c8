/** Which files an image may name. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { neighbours } from './neighbours.ts';

const root = mkdtempSync(join(tmpdir(), 'lkl-test-'));
const folder = join(root, 'images');

beforeAll(() => {
  mkdirSync(join(folder, 'parts'), { recursive: true });
  for (const name of ['base.raw', 'parts/s001.vmdk', 'disk.E02', '../secret']) writeFileSync(join(folder, name), name);
  symlinkSync('../secret', join(folder, 'sly'));
  symlinkSync('base.raw', join(folder, 'honest'));
  symlinkSync(folder, join(root, 'elsewhere'));
});
afterAll(() => rmSync(root, { recursive: true }));

function read(name: string, image = join(folder, 'disk.qcow2')): string | undefined {
  const source = neighbours(image).files(name);
  if (source === undefined) return undefined;
  const bytes = Buffer.alloc(source.sizeBytes);
  source.read(0, bytes);
  return bytes.toString();
}

it.each([
  ['base.raw', 'base.raw'],
  ['./parts/s001.vmdk', 'parts/s001.vmdk'],
  [join(folder, 'base.raw'), 'base.raw'],
  ['/home/somebody/vm/base.raw', 'base.raw'],
  ['C:\\vm\\base.raw', 'base.raw'],
  ['honest', 'base.raw'],
  ['*.E02', 'disk.E02'],
])('%s is %s', (name, content) => {
  expect(read(name)).toBe(content);
  expect(read(name, join(root, 'elsewhere/disk.qcow2'))).toBe(content);
});

it.each(['../secret', '/etc/passwd', 'sly', 'parts/../../secret', '..', '.', '', 'nothing'])('%j is none', (name) => {
  const found = (() => {
    try {
      return read(name);
    } catch {
      return undefined; // a folder
    }
  })();
  expect(found).toBeUndefined();
});
