/** Images to measure with: the same files each time, small and large, half of them compressible. */

import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KIB = 1024;
const MIB = 1024 * KIB;

/** Of the bytes of a tree, in files of how many: most files are small, most bytes are in large ones. */
const MIX = [
  { share: 0.15, bytes: 6 * KIB },
  { share: 0.25, bytes: 90 * KIB },
  { share: 0.3, bytes: 1 * MIB },
  { share: 0.3, bytes: 4 * MIB },
];

const FILES_A_DIRECTORY = 100;

/** A 256 MiB ext4, a quarter of it free. */
export async function ext4Image(folder: string, sizeMib: number): Promise<string> {
  const image = join(folder, 'ext4.img');
  await withTree(folder, 0.75 * sizeMib * MIB, (tree) =>
    run('mkfs.ext4', ['-q', '-F', '-d', tree, image, `${sizeMib}M`]),
  );
  return image;
}

/** A squashfs of about that size. */
export async function squashfsImage(folder: string, sizeMib: number): Promise<string> {
  const image = join(folder, 'squashfs.img');
  const options = ['-noappend', '-quiet', '-no-progress', '-comp', 'zstd'];
  await withTree(folder, 1.9 * sizeMib * MIB, (tree) => run('mksquashfs', [tree, image, ...options]));
  return image;
}

/** An ext4 with so many files, evenly from the smallest to the largest. */
export async function filesImage(
  folder: string,
  name: string,
  sizeMib: number,
  files: number,
  [smallest, largest]: readonly [smallest: number, largest: number],
): Promise<string> {
  const image = join(folder, `${name}.img`);
  const random = generator();
  const write = (tree: string) => {
    for (let file = 0; file < files; file += 1) {
      const directory = join(tree, `${Math.floor(file / FILES_A_DIRECTORY)}`);
      mkdirSync(directory, { recursive: true });
      const bytes = Math.floor(smallest + ((largest - smallest) * (random() % 1000)) / 1000);
      writeFileSync(join(directory, `${file}`), content(bytes, random));
    }
  };
  await withWritten(folder, write, (tree) => run('mkfs.ext4', ['-q', '-F', '-d', tree, image, `${sizeMib}M`]));
  return image;
}

const withTree = (folder: string, bytes: number, make: (tree: string) => Promise<unknown>): Promise<void> =>
  withWritten(folder, (tree) => mixedTree(tree, bytes), make);

async function withWritten(
  folder: string,
  write: (tree: string) => void,
  make: (tree: string) => Promise<unknown>,
): Promise<void> {
  const tree = join(folder, 'tree');
  write(tree);
  try {
    await make(tree);
  } finally {
    rmSync(tree, { recursive: true });
  }
}

/** Small and large files of so many bytes in all. */
export function mixedTree(tree: string, bytes: number): void {
  const random = generator();
  for (const { share, bytes: fileBytes } of MIX) {
    const files = Math.ceil((share * bytes) / fileBytes);
    for (let file = 0; file < files; file += 1) {
      const directory = join(tree, `${fileBytes}`, `${Math.floor(file / FILES_A_DIRECTORY)}`);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `${file}`), content(fileBytes, random));
    }
  }
}

/** Pages of noise and of a line repeated, in turn. */
function content(bytes: number, random: () => number): Buffer {
  const noise = Uint32Array.from({ length: Math.ceil(bytes / 4) }, random);
  const buffer = Buffer.from(noise.buffer).subarray(0, bytes);
  for (let at = 4096; at < bytes; at += 8192)
    buffer.fill(`line ${random() % 1000} of a text\n`, at, Math.min(at + 4096, bytes));
  return buffer;
}

/** xorshift32. */
function generator(): () => number {
  let state = 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
