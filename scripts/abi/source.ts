/** Finds the Linux source that the ABI tables are read from. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const top = 'linux-source-6.12';
/** Where Debian's package of that name puts its tarball. */
const tarball = `/usr/src/${top}.tar.xz`;
/** What of it the generators read. */
const parts = [
  ...['Makefile', 'scripts', 'include', 'fs', 'kernel', 'mm', 'net', 'ipc', 'io_uring', 'block', 'security'],
  ...['drivers/char', 'drivers/pci'],
];

/** The directory of an unpacked Linux source: $LINUX, or Debian's tarball unpacked once; undefined when neither is there. */
export function findLinux(): string | undefined {
  const named = process.env.LINUX;
  if (named !== undefined) {
    if (!existsSync(join(named, 'scripts/syscall.tbl'))) throw new Error(`LINUX=${named} holds no Linux source`);
    return named;
  }
  if (!existsSync(tarball)) return undefined;
  // Another version of the package is another tarball.
  const cache = join(tmpdir(), `lkl-abi-${top}-${Math.floor(statSync(tarball).mtimeMs / 1000)}`);
  if (!existsSync(cache)) {
    const fresh = mkdtempSync(`${cache}-`);
    execFileSync('tar', [
      '-xJf',
      tarball,
      '-C',
      fresh,
      '--strip-components=1',
      ...parts.map((part) => `${top}/${part}`),
    ]);
    renameSync(fresh, cache);
  }
  return cache;
}

/** The version in the source's top Makefile, as "6.12.118". */
export function linuxVersion(linux: string): string {
  const makefile = readFileSync(join(linux, 'Makefile'), 'utf8');
  return ['VERSION', 'PATCHLEVEL', 'SUBLEVEL']
    .map((name) => new RegExp(`^${name} = (\\d+)$`, 'm').exec(makefile)?.[1])
    .join('.');
}
