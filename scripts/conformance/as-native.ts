/**
 * A tool as if it were a native program, for test suites that call it: `node scripts/conformance/as-native.ts e2fsck -fy image`.
 * Files that the words name are there under the same paths, as files in the kernel's memory; what became of them is copied back.
 */

import { ftruncateSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { inWorkshop } from '../../cli/tools/shop.ts';
import { AT_FDCWD, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } from '../../src/abi/uapi/fs.ts';
import { must } from '../../src/kernel/kernel-error.ts';
import { plus } from '../../src/kernel/memory.ts';
import { close, ftruncate, openat, pwrite64, read } from '../../src/kernel/syscalls/file.ts';
import type { Workshop } from '../../src/tools/workshop.ts';
import { makeDirectories } from '../../src/tree/make-directories.ts';

const [tool = '', ...words] = process.argv.slice(2);
const PIECE = 32_768;
const encoder = new TextEncoder();

/** Paths in words as they are: "image", "-fcommands", and those in the environment of the suite. */
const paths = [
  ...new Set(
    [...words, ...words.map((word) => word.replace(/^-\w/, '')), process.env.MKE2FS_CONFIG ?? '']
      .filter((word) => /[/.]|^[a-z]\w*$/.test(word) && !word.startsWith('-'))
      .map((word) => resolve(word)),
  ),
].filter((path) => !path.startsWith('/dev/') && statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory());

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Zeros are holes. */
async function copyIn({ kernel: { init } }: Workshop, path: string): Promise<void> {
  const fd = must('openat', await openat(init, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644), path);
  const from = openSync(path, 'r');
  const piece = Buffer.alloc(PIECE);
  const { size } = statSync(path);
  for (let at = 0; at < size; at += PIECE) {
    const bytes = piece.subarray(0, readSync(from, piece, 0, PIECE, at));
    if (bytes.every((byte) => byte === 0)) continue;
    init.memory.write(init.scratch, bytes);
    const buffer = { at: plus(init.scratch, 0), bytes: bytes.length };
    must('pwrite64', await pwrite64(init, fd, buffer, bytes.length, at), path);
  }
  must('ftruncate64', await ftruncate(init, fd, size), path);
  await close(init, fd);
}

async function copyOut({ kernel: { init } }: Workshop, path: string): Promise<void> {
  const fd = await openat(init, AT_FDCWD, path, O_RDONLY);
  if (fd < 0) return;
  const to = openSync(path, isFile(path) ? 'r+' : 'w');
  let at = 0;
  for (;;) {
    const got = await read(init, fd, { at: init.scratch, bytes: PIECE });
    if (got <= 0) break;
    const bytes = init.memory.copy(init.scratch, got);
    // What was there may be anything else than zeros.
    writeSync(to, bytes, 0, got, at);
    at += got;
  }
  ftruncateSync(to, at);
  await close(init, fd);
}

const stdin = (): Uint8Array => {
  try {
    return readFileSync(0);
  } catch {
    return new Uint8Array();
  }
};

process.exitCode = await inWorkshop({}, async (shop) => {
  await makeDirectories(shop.kernel.init, encoder.encode(process.cwd()));
  for (const path of paths) {
    await makeDirectories(shop.kernel.init, encoder.encode(dirname(path)));
    if (isFile(path)) await copyIn(shop, path);
  }
  let fed = process.stdin.isTTY === true;
  const end = await shop.run(
    [tool, ...words],
    {
      stdin: () => {
        if (fed) return undefined;
        fed = true;
        return stdin();
      },
      stdout: (bytes) => void process.stdout.write(bytes),
      stderr: (bytes) => void process.stderr.write(bytes),
    },
    { cwd: process.cwd(), env: Object.entries(process.env).map(([name, value]) => `${name}=${value}`) },
  );
  for (const path of paths) await copyOut(shop, path);
  return end.exitCode ?? 128 + (end.signal ?? 0);
});
