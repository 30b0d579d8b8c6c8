/** What sysfs and mountinfo say of an image's mounts, told by copies of them. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { mountedHere } from './mounted-here.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-mounted-'));
const image = join(folder, 'disk.img');
const sys = join(folder, 'sys');
const file = (path: string, content: string) => {
  mkdirSync(dirname(join(sys, path)), { recursive: true });
  writeFileSync(join(sys, path), content);
};
writeFileSync(image, '');
file('block/loop7/loop/backing_file', `${image}\n`);
file('class/block/loop7/dev', '7:7\n');
file('class/block/loop7/loop7p2/partition', '2\n');
file('class/block/loop7p2/dev', '259:3\n');
file('class/block/loop7p2/holders/dm-4', '');
file('class/block/dm-4/dev', '254:4\n');
afterAll(() => rmSync(folder, { recursive: true }));

const mounted = (line: string) => {
  const mountinfo = join(folder, 'mountinfo');
  writeFileSync(mountinfo, `22 1 0:21 / /proc rw - proc proc rw\n${line}\n`);
  return mountedHere(image, { sys, mountinfo });
};

it.each([
  ['the loop device', '40 22 7:7 / /mnt/a rw,relatime shared:1 - ext4 /dev/loop7 rw', '/mnt/a'],
  ['a partition of it, at a place with a blank', '40 22 259:3 / /mnt/a\\040b rw - xfs /dev/loop7p2 rw', '/mnt/a b'],
  ['what lies on that', '40 22 254:4 / /mnt/vg rw - ext4 /dev/mapper/vg-root rw', '/mnt/vg'],
  ['a btrfs, whose number is its own', '40 22 0:52 / /mnt/b rw - btrfs /dev/loop7 rw,space_cache=v2', '/mnt/b'],
  ['read-only at one place, not everywhere', '40 22 7:7 / /mnt/a ro - ext4 /dev/loop7 rw', '/mnt/a'],
  ['read-only', '40 22 7:7 / /mnt/a ro - ext4 /dev/loop7 ro', undefined],
  ['another device', '40 22 7:6 / /mnt/a rw - ext4 /dev/loop6 rw', undefined],
])('%s', (_, line, at) => expect(mounted(line)).toBe(at));

it('of what nobody tells nothing is said', () => {
  expect(mountedHere(image, { sys: join(folder, 'none'), mountinfo: join(folder, 'none') })).toBeUndefined();
  expect(mountedHere(join(folder, 'none.img'))).toBeUndefined();
});
