/** Whether this machine's own Linux has an image mounted and may write to it: what is read meanwhile is of several moments. */

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Where Linux tells of its devices and mounts. */
export interface Told {
  readonly sys: string;
  readonly mountinfo: string;
}

const LINUX: Told = { sys: '/sys', mountinfo: '/proc/self/mountinfo' };

/** The directory where a file or block device, a part of it or what lies on it is mounted to be written; undefined: none, or not known. */
export function mountedHere(path: string, told: Told = LINUX): string | undefined {
  try {
    const mounts = writableMounts(readFileSync(told.mountinfo, 'utf8'));
    if (mounts.length === 0) return undefined;
    const devices = new Set<string>();
    for (const name of devicesOf(path, told)) addWithAbove(name, devices, told);
    if (devices.size === 0) return undefined;
    const numbers = new Set([...devices].map((name) => text(join(told.sys, 'class/block', name, 'dev'))));
    // A btrfs has a number of its own: there the source is what tells.
    return mounts.find(({ number, source }) => numbers.has(number) || devices.has(deviceName(source)))?.at;
  } catch {
    return undefined; // another system than Linux, or one that tells nothing
  }
}

interface Mount {
  /** major:minor */
  readonly number: string;
  readonly at: string;
  readonly source: string;
}

/** proc_pid_mountinfo(5): the options of the file system are those after its source. One that is mounted twice is written if it is anywhere. */
function writableMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , number = '', , at = ''] = before.split(' ');
    const [, source = '', options = ''] = after.split(' ');
    const isWritten = options.split(',').includes('rw');
    return isWritten ? [{ number, at: unescaped(at), source: unescaped(source) }] : [];
  });
}

const unescaped = (word: string): string =>
  word.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));

const deviceName = (source: string): string => basename(existsSync(source) ? realpathSync(source) : source);

const text = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined);

/** Itself, where it is a block device; else the loop devices that have the file. */
function devicesOf(path: string, { sys }: Told): string[] {
  const real = realpathSync(path);
  if (statSync(real).isBlockDevice()) return [basename(real)];
  const disks = join(sys, 'block');
  return readdirSync(disks).filter((name) => text(join(disks, name, 'loop/backing_file')) === real);
}

/** Its partitions, and what lies on it or on them (device mapper, md). */
function addWithAbove(name: string, found: Set<string>, told: Told): void {
  if (found.has(name)) return;
  found.add(name);
  const folder = join(told.sys, 'class/block', name);
  if (!existsSync(folder)) return;
  const parts = readdirSync(folder).filter((entry) => existsSync(join(folder, entry, 'partition')));
  const holders = existsSync(join(folder, 'holders')) ? readdirSync(join(folder, 'holders')) : [];
  for (const above of [...parts, ...holders]) addWithAbove(above, found, told);
}
