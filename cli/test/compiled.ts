/**
 * For vitest, once before the tests that start the command: a folder like the installed package's, in which the command is
 * compiled. It starts in 60 % of the CPU time that the sources take, and some thousand times.
 */

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';
import { commandEntry, packageBuild } from '../../scripts/package/package-build.ts';
import { root } from '../../scripts/pins.ts';

const folder = join(root, 'build/command');
/** Of the package's data: what is no JavaScript lies where it lies in the checkout. */
const DATA = ['src', 'wasm', 'package.json'];

export async function setup(): Promise<void> {
  const launcher = join(folder, 'cli/lkl.mjs');
  mkdirSync(dirname(launcher), { recursive: true });
  for (const name of DATA) {
    if (!existsSync(join(folder, name))) symlinkSync(join('../..', name), join(folder, name));
  }
  const entries = { ...commandEntry, kept: join(root, 'cli/test/kept/server.ts') };
  const { outputFiles } = await build({ ...packageBuild(join(folder, 'dist'), entries), write: false });
  // What is there already stays as it is: Node has its code cached, and another run of the tests may be at it.
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path) || !readFileSync(path).equals(contents)) writeFileSync(path, contents);
  }
  const made = new Set(outputFiles.map(({ path }) => basename(path)));
  const chunks = join(folder, 'dist/chunks');
  for (const name of readdirSync(chunks).filter((name) => !made.has(name))) rmSync(join(chunks, name));
  for (const name of ['lkl.mjs', 'lkl-hijack.mjs']) copyFileSync(join(root, 'cli', name), join(folder, 'cli', name));
  process.env.LKL_TEST_LAUNCHER = launcher;
}
