/** What can be an image: a file, a block device, a pipe. Anything else is told at once, rather than read until it ends, which it may never do. */

import { type Stats, statfsSync } from 'node:fs';
import { isatty } from 'node:tty';
import { ImageFileError } from '../files/image-file-error.ts';
import type { Opened } from './open-to-read.ts';

const KINDS = 'an image is a file, a block device or a pipe';

/** Linux's own numbers (Documentation/admin-guide/devices.txt): what is read of these is as good as a pipe. */
const TAPE = 9;
const FLASH = 90;
const MEMORY = 1;
const NULL = 3;

/** Elsewhere disks have character devices, too. */
const DISK = /^\/dev\/r?(disk|ada|da|nda|nvd|sd|vnd|wd)\d/;

/** File systems that say what the kernel knows, by statfs(2)'s number (include/uapi/linux/magic.h): their files have no size, or a made-up one. */
const madeUp: ReadonlyMap<number, string> = new Map([
  [0x9fa0, 'procfs'],
  [0x62656572, 'sysfs'],
  [0x64626720, 'debugfs'],
  [0x74726163, 'tracefs'],
  [0x63677270, 'cgroup2'],
  [0x73636673, 'securityfs'],
  [0xf97cff8c, 'selinuxfs'],
]);

/** Throws an ImageFileError. `path` undefined: standard input. */
export function mustBeImage({ fd, stats }: Opened, name: string, path?: string): void {
  if (stats.isDirectory()) throw new ImageFileError('EISDIR', `${name} is a directory`);
  if (stats.isCharacterDevice()) mustBeStorage(fd, stats, name);
  if (!stats.isFile() || path === undefined || process.platform !== 'linux') return;
  const which = madeUp.get(Number(statfsSync(path).type));
  if (which !== undefined)
    throw new ImageFileError(
      'EKIND',
      `${name} is a file of ${which}, which the kernel makes up as it is read: ${KINDS}`,
    );
}

function mustBeStorage(fd: number, { rdev }: Stats, name: string): void {
  if (isatty(fd)) throw new ImageFileError('ENOTTY', 'an image does not come from a terminal');
  if (process.platform !== 'linux') {
    if (DISK.test(name)) return;
    throw new ImageFileError('EKIND', `${name} is a device that has no bytes of its own: ${KINDS}`);
  }
  const [major, minor] = [(rdev >> 8) & 0xfff, rdev & 0xff];
  if (major === TAPE || major === FLASH) return;
  if (major === MEMORY && minor === NULL) throw new ImageFileError('ENODATA', `${name} is empty`);
  throw new ImageFileError('EKIND', `${name} is a character device: ${KINDS}`);
}
