/** Trees written into images: cptofs, a tar, FUSE and WebDAV, each beside a native mount or rclone's own server in the same run. */

import { execFile, spawn } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { root } from '../pins.ts';
import { mixedTree } from './images.ts';
import { type BenchOptions, MB, median, type Results, timed } from './result.ts';

const run = promisify(execFile);
const lkl = join(root, 'cli/lkl.mjs');
const command = (...args: readonly string[]) => run(process.execPath, [lkl, ...args]);
const shell = (script: string, ...args: readonly string[]) => run('sh', ['-ec', script, 'sh', ...args]);

/** A server is looked for so often, and so many times. */
const [LOOK_MS, LOOKS] = [50, 200];

export async function write({ quick, folder }: BenchOptions): Promise<Results> {
  const times = quick ? 1 : 3;
  const mib = quick ? 32 : 256;
  const [tree, image, mount, served] = ['tree', 'disk.img', 'mount', 'served'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  mixedTree(tree, 0.75 * mib * 2 ** 20);
  mkdirSync(mount);
  const tar = join(folder, 'tree.tar');
  await shell('tar -C "$1" --format=pax -cf "$2" .', tree, tar);
  const bytes = statSync(tar).size;
  const results: Record<string, number> = { 'write.tree_bytes': bytes };

  /** An ext4 with nothing in it, which nobody counts. */
  const empty = () => shell('rm -f "$1"; truncate -s "$2M" "$1"; mkfs.ext4 -q -F "$1"; sync', image, String(2 * mib));
  /** In turn: this machine's speed varies. Each ends with all of it on the disk. */
  async function beside(name: string, ours: () => Promise<unknown>, native: () => Promise<unknown>): Promise<void> {
    const [oursMs, nativeMs]: [number[], number[]] = [[], []];
    for (let taken = 0; taken < times; taken += 1) {
      await empty();
      oursMs.push(await timed(ours));
      await run('e2fsck', ['-fn', image]);
      await empty();
      nativeMs.push(await timed(native));
    }
    results[`write.${name}.mb_per_s`] = bytes / MB / (median(oursMs) / 1000);
    results[`write.${name}.native_mb_per_s`] = bytes / MB / (median(nativeMs) / 1000);
    results[`write.${name}.ratio`] = median(nativeMs) / median(oursMs);
  }
  const natively = (work: string, source: string) => () =>
    shell(`mount -o loop "$1" "$2"; ${work}; umount "$2"; sync "$1"`, image, mount, source);

  await beside(
    'cptofs',
    () => command('cptofs', '-p', '-i', image, `${tree}/.`, '/'),
    natively('cp -a "$3/." "$2"', tree),
  );
  await beside('tar', () => command('tar', '-x', image, '-f', tar, '-C', '/'), natively('tar -C "$2" -xf "$3"', tar));
  await beside(
    'fuse',
    async () => {
      await command('mount', image, mount);
      await shell('cp -a "$1/." "$2"', tree, mount);
      await command('umount', mount);
    },
    natively('cp -a "$3/." "$2"', tree),
  );

  /** rclone copies the tree to the server that `argv` starts. */
  async function copied(argv: (port: number) => readonly string[]): Promise<number> {
    const port = await freePort();
    const [program = '', ...args] = argv(port);
    const server = spawn(program, args, { stdio: 'ignore' });
    const ended = new Promise((resolve) => server.once('exit', resolve));
    try {
      await isListening(port);
      return await timed(() =>
        run('rclone', ['copy', tree, ':webdav:', '--webdav-url', `http://127.0.0.1:${port}/`, '--transfers', '4']),
      );
    } finally {
      server.kill('SIGINT');
      await ended;
    }
  }
  const [oursMs, rcloneMs]: [number[], number[]] = [[], []];
  for (let taken = 0; taken < times; taken += 1) {
    await empty();
    oursMs.push(await copied((port) => [process.execPath, lkl, 'webdav', image, '--port', String(port)]));
    rmSync(served, { recursive: true, force: true });
    mkdirSync(served);
    rcloneMs.push(await copied((port) => ['rclone', 'serve', 'webdav', served, '--addr', `127.0.0.1:${port}`]));
  }
  results['write.webdav.mb_per_s'] = bytes / MB / (median(oursMs) / 1000);
  results['write.webdav.rclone_mb_per_s'] = bytes / MB / (median(rcloneMs) / 1000);
  results['write.webdav.ratio'] = median(rcloneMs) / median(oursMs);
  return results;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function isListening(port: number): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    const answers = await fetch(`http://127.0.0.1:${port}/`, { method: 'OPTIONS' }).then(
      () => true,
      () => false,
    );
    if (answers) return;
    await pause(LOOK_MS);
  }
  throw new Error(`nobody listens on ${port}`);
}
