/**
 * A tool as if it were a native program, for test suites that call it: `node scripts/conformance/as-native.ts e2fsck -fy image`.
 * Files in /tmp that its words or its input name are there under the same paths, on a disk of ext4; what became of them is copied back.
 */

import { ftruncateSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { inWorkshop } from '../../cli/tools/shop.ts';
import { temporaryDisk } from '../../cli/tools/temporary-disk.ts';
import { AT_FDCWD, AT_REMOVEDIR, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } from '../../src/abi/uapi/fs.ts';
import { must } from '../../src/kernel/kernel-error.ts';
import { plus } from '../../src/kernel/memory.ts';
import { installProgram } from '../../src/kernel/program/run/install.ts';
import { symlinkat, unlinkat } from '../../src/kernel/syscalls/dir.ts';
import { close, ftruncate, openat, pread64, pwrite64, statx } from '../../src/kernel/syscalls/file.ts';
import { makeFileSystem } from '../../src/tools/file-system/make-file-system.ts';
import type { Workshop } from '../../src/tools/workshop.ts';
import { dataSegments } from '../../src/tree/fs2tar/data-segments.ts';
import { makeDirectories } from '../../src/tree/make-directories.ts';

const [tool = '', ...words] = process.argv.slice(2);
const input = process.stdin.isTTY ? new Uint8Array() : readInput();
/** As it was called, by a wrapper that says so. */
const called = process.env.CALLED ?? tool;
const PIECE = 32_768;
const zeros = Buffer.alloc(PIECE);
const encoder = new TextEncoder();

/** Longer names there are none. */
const LONGEST = 4000;
const isFile = (path: string): boolean =>
  path.length < LONGEST &&
  path.split('/').every((name) => name.length < 256) &&
  (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
/** What a text of commands names, or is to be written. */
const namedIn = (text: string): string[] =>
  text.split(/\s+/).filter((word) => word !== '' && (word.endsWith('.tmp') || isFile(word)));

/** Paths in words as they are ("image", "-fcommands"), in commands, and in the environment of the suite. */
const said = [...words, ...words.map((word) => word.replace(/^-\w/, '')), process.env.MKE2FS_CONFIG ?? ''];
const commands = said
  .filter((word) => isFile(word) && statSync(word).size < 2 ** 20)
  .map((word) => readFileSync(word, 'latin1'))
  .filter((text) => !text.includes('\0'));
const paths = [
  ...new Set(
    [
      ...said.filter((word) => /[/.]|^[a-z]\w*$/.test(word) && !word.startsWith('-')),
      ...[new TextDecoder().decode(input), ...words, ...commands].flatMap(namedIn),
    ].map((word) => resolve(word)),
  ),
].filter((path) => path.startsWith('/tmp/') && statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory());

/** Zeros are holes. */
async function copyIn({ kernel: { init } }: Workshop, path: string): Promise<void> {
  const fd = must('openat', await openat(init, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644), path);
  const from = openSync(path, 'r');
  const piece = Buffer.alloc(PIECE);
  const { size } = statSync(path);
  for (let at = 0; at < size; at += PIECE) {
    const bytes = piece.subarray(0, readSync(from, piece, 0, PIECE, at));
    if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
    init.memory.write(init.scratch, bytes);
    const buffer = { at: plus(init.scratch, 0), bytes: bytes.length };
    must('pwrite64', await pwrite64(init, fd, buffer, bytes.length, at), path);
  }
  must('ftruncate64', await ftruncate(init, fd, size), path);
  await close(init, fd);
}

/** What is a hole there is one here, too: images of hundreds of MB have little in them. */
async function copyOut({ kernel: { init } }: Workshop, path: string): Promise<void> {
  const fd = await openat(init, AT_FDCWD, path, O_RDONLY);
  if (fd < 0) return;
  const { size } = await statx(init, AT_FDCWD, path, 0);
  const to = openSync(path, isFile(path) ? 'r+' : 'w');
  ftruncateSync(to, 0);
  for (const { offset, length } of (await dataSegments(init, fd, size)) ?? [{ offset: 0, length: size }]) {
    for (let at = offset; at < offset + length; ) {
      const bytes = Math.min(PIECE, offset + length - at);
      const got = must('pread64', await pread64(init, fd, { at: init.scratch, bytes }, bytes, at), path);
      if (got === 0) break;
      const piece = Buffer.from(init.memory.copy(init.scratch, got));
      if (!piece.equals(zeros.subarray(0, got))) writeSync(to, piece, 0, got, at);
      at += got;
    }
  }
  ftruncateSync(to, size);
  await close(init, fd);
}

function readInput(): Uint8Array {
  try {
    return readFileSync(0);
  } catch {
    return new Uint8Array();
  }
}

/** Room for images of any size. */
const scratch = temporaryDisk(2 ** 40);
process.exitCode = await inWorkshop({}, async (shop) => {
  const { init } = shop.kernel;
  const disk = await shop.attach(scratch.device);
  await makeFileSystem(shop, disk, 'ext4', { more: ['-O', '^has_journal'] });
  must('unlinkat', await unlinkat(init, AT_FDCWD, '/tmp', AT_REMOVEDIR), '/tmp');
  return shop.mounted(disk, 'ext4', async (mountPoint) => {
    must('symlinkat', await symlinkat(init, mountPoint, AT_FDCWD, '/tmp'), '/tmp');
    await makeDirectories(init, encoder.encode(process.cwd()));
    for (const path of paths) {
      await makeDirectories(init, encoder.encode(dirname(path)));
      if (isFile(path)) await copyIn(shop, path);
    }
    // Programs say their name as they were called.
    await makeDirectories(init, encoder.encode(dirname(resolve(called))));
    if (called.includes('/')) await installProgram(init, resolve(called), tool);
    let left: Uint8Array | undefined = input;
    const end = await shop.run(
      // Both outputs are one, in the order in which it writes.
      ['sh', '-c', 'exec "$0" "$@" 2>&1', called, ...words],
      {
        stdin: () => {
          const now = left;
          left = undefined;
          return now;
        },
        stdout: (bytes) => void process.stdout.write(bytes),
      },
      { cwd: process.cwd(), env: Object.entries(process.env).map(([name, value]) => `${name}=${value}`) },
    );
    for (const path of paths) await copyOut(shop, path);
    return end.exitCode ?? 128 + (end.signal ?? 0);
  });
});
scratch.close();
