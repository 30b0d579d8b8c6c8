/** Finds the Linux source that the ABI tables are read from. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian's package linux-source-6.12 puts its tarball. */
const tarball = '/usr/src/linux-source-6.12.tar.xz';

/** The directory of an unpacked Linux source: $LINUX, or Debian's tarball unpacked once; undefined when neither is there. */
export function findLinux(): string | undefined {
  const named = process.env.LINUX;
  if (named !== undefined) {
    if (!existsSync(join(named, 'scripts/syscall.tbl'))) throw new Error(`LINUX=${named} holds no Linux source`);
    return named;
  }
  if (!existsSync(tarball)) return undefined;
  const cache = join(tmpdir(), 'lkl-abi-linux-source-6.12');
  if (!existsSync(cache)) {
    mkdirSync(tmpdir(), { recursive: true });
    const fresh = mkdtempSync(`${cache}-`);
    execFileSync('tar', ['-xJf', tarball, '-C', fresh, '--strip-components=1']);
    renameSync(fresh, cache);
  }
  return cache;
}

/** The version in the source's top Makefile, as "6.12.117". */
export function linuxVersion(linux: string): string {
  const makefile = readFileSync(join(linux, 'Makefile'), 'utf8');
  return ['VERSION', 'PATCHLEVEL', 'SUBLEVEL']
    .map((name) => new RegExp(`^${name} = (\\d+)$`, 'm').exec(makefile)?.[1])
    .join('.');
}
