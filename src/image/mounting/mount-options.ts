/** Mount options as for mount -o: words for mount(2) itself become flags, all others are for the file system. */

import {
  MS_DIRSYNC,
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_RELATIME,
  MS_SILENT,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
} from '../../abi/uapi/fs.ts';
import { HostError } from '../../errors/host-error.ts';

export interface MountOptions {
  /** MS_*, MS_RDONLY among them. */
  readonly flags: number;
  /** Comma-separated. */
  readonly data: string;
}

/** mount(8), "filesystem-independent mount options". */
const setting: Readonly<Record<string, number>> = {
  ro: MS_RDONLY,
  nosuid: MS_NOSUID,
  nodev: MS_NODEV,
  noexec: MS_NOEXEC,
  sync: MS_SYNCHRONOUS,
  dirsync: MS_DIRSYNC,
  mand: MS_MANDLOCK,
  nosymfollow: MS_NOSYMFOLLOW,
  noatime: MS_NOATIME,
  nodiratime: MS_NODIRATIME,
  relatime: MS_RELATIME,
  strictatime: MS_STRICTATIME,
  lazytime: MS_LAZYTIME,
  iversion: MS_I_VERSION,
  silent: MS_SILENT,
};
const clearing: Readonly<Record<string, number>> = {
  suid: MS_NOSUID,
  dev: MS_NODEV,
  exec: MS_NOEXEC,
  async: MS_SYNCHRONOUS,
  nomand: MS_MANDLOCK,
  symfollow: MS_NOSYMFOLLOW,
  atime: MS_NOATIME,
  diratime: MS_NODIRATIME,
  norelatime: MS_RELATIME,
  nostrictatime: MS_STRICTATIME,
  nolazytime: MS_LAZYTIME,
  noiversion: MS_I_VERSION,
  loud: MS_SILENT,
};

/** For fstab(5) and its readers. */
const IGNORED = /^(|rw|defaults|auto|noauto|user|nouser|users|owner|group|nofail|_netdev|comment=.*|x-.*|X-.*)$/;

/** What makes another mount than the one asked for. */
const REFUSED = /^(remount|r?bind|move|r?(private|shared|slave|unbindable)|loop(=.*)?|offset=.*|sizelimit=.*)$/;

/** Read-only unless `writable`; then `ro` makes it so. */
export function parseMountOptions(options: string, { writable = false } = {}): MountOptions {
  let flags = writable ? 0 : MS_RDONLY;
  const data: string[] = [];
  if (options.includes('\0')) throw new HostError('invalid-request', 'mount options have no NUL byte');
  for (const option of options.split(',')) {
    if (REFUSED.test(option) || (option === 'rw' && !writable)) {
      const how = writable ? 'whole' : 'whole and read-only';
      throw new HostError('invalid-request', `mount option ${option}: an image is mounted ${how}`);
    }
    if (Object.hasOwn(setting, option)) flags |= setting[option] ?? 0;
    else if (Object.hasOwn(clearing, option)) flags &= ~(clearing[option] ?? 0);
    else if (!IGNORED.test(option)) data.push(option);
  }
  return { flags, data: data.join(',') };
}

/** `subvolume` is a path, or a number as `btrfs subvolume list` tells it. */
export function withSubvolume(options = '', subvolume: string | undefined): string {
  if (subvolume === undefined) return options;
  if (subvolume === '' || subvolume.includes(','))
    throw new HostError(
      'invalid-request',
      `subvolume ${JSON.stringify(subvolume)}: its number can be named, its path cannot`,
    );
  const own = /^\d+$/.test(subvolume) ? `subvolid=${subvolume}` : `subvol=${subvolume}`;
  return [options, own].filter(Boolean).join(',');
}
