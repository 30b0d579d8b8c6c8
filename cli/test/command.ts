/** For tests: the command as people run it, and images for it. */

import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import xz from 'xz-decompress';
import { launcher } from './launcher.ts';

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs `lkl` to its end. `stdin` is a pipe, `env` is added to what there is. */
export async function lkl(
  args: readonly string[],
  stdin: Uint8Array = new Uint8Array(),
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [launcher, ...args], { env: { ...process.env, ...env } });
  child.stdin.on('error', () => {}); // not all commands read it
  child.stdin.end(stdin);
  const [stdout, stderr, exitCode] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  return { exitCode, stdout, stderr: stderr.toString() };
}

/** Starts `lkl` with what it writes to standard output left unread. */
export const startLkl = (args: readonly string[]) =>
  spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });

/** Starts `lkl`; what it says on standard error can be read. */
export const spawnLkl = (args: readonly string[]) =>
  spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });

/** The same with a standard input that the test writes. */
export const feedLkl = (args: readonly string[]) =>
  spawn(process.execPath, [launcher, ...args], { stdio: ['pipe', 'ignore', 'pipe'] });

/** Writes the image of test/fixtures to a file, sparse as it is packed: see scripts/fixtures/build.py. */
export async function unpackFixture(name: string, path: string): Promise<void> {
  const bytes = readFileSync(new URL(`../../test/fixtures/${name}.img.xz`, import.meta.url));
  const packed = await buffer(new xz.XzReadableStream(new Blob([bytes]).stream()));
  const newline = packed.indexOf('\n');
  const header: { sectors: number; extents: [sector: number, sectors: number][] } = JSON.parse(
    packed.toString('utf8', 0, newline),
  );
  const fd = openSync(path, 'w');
  let at = newline + 1;
  for (const [sector, sectors] of header.extents) {
    at += writeSync(fd, packed, at, sectors * 512, sector * 512);
  }
  ftruncateSync(fd, header.sectors * 512);
  closeSync(fd);
}
