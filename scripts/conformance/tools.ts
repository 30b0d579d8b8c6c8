/**
 * Images made, grown and repaired by our tools, against Debian's native ones of the same version: `node scripts/conformance/tools.ts [TYPE ...]`.
 * An image of ours must be clean to the native checker, and where mke2fs is given UUID, hash seed and time it must be the
 * native one's image byte for byte. Needs e2fsprogs, xfsprogs, btrfs-progs, dosfstools, exfatprogs, f2fs-tools, squashfs-tools and erofs-utils of
 * Debian 12.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../pins.ts';

const UUID = '01234567-89ab-4cde-8f01-23456789abcd';
const EPOCH = '1767225600';
const folder = mkdtempSync(join(tmpdir(), 'lkl-tools-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

let failures = 0;
function told(what: string, isRight: boolean, more = ''): void {
  if (!isRight) failures++;
  console.log(`${isRight ? 'ok  ' : 'FAIL'} ${what}${isRight || more === '' ? '' : `\n${more.trim()}`}`);
}

interface Ran {
  readonly status: number | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return { status, output: `${stdout}${stderr}${error ?? ''}` };
}
const lkl = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran =>
  run(process.execPath, [join(root, 'cli/lkl.mjs'), ...args], env);

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function sparse(path: string, bytes: number): string {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, bytes);
  closeSync(fd);
  return path;
}

/** Files of all sizes that matter, links, names. */
function makeTree(): string {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'deep/er/still'), { recursive: true });
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'small'), 'small\n');
  writeFileSync(join(tree, 'deep/large'), Buffer.alloc(3_000_000, 'large '));
  for (let i = 0; i < 300; i++) writeFileSync(join(tree, `deep/er/file-${i}`), `${i}\n`.repeat(i));
  symlinkSync('../small', join(tree, 'deep/link'));
  return tree;
}

/** The native checker of each type, and arguments that ours and the native program have in common. */
const checks: Readonly<Record<string, (image: string) => readonly [string, readonly string[]]>> = {
  ext2: (image) => ['e2fsck', ['-fn', image]],
  ext3: (image) => ['e2fsck', ['-fn', image]],
  ext4: (image) => ['e2fsck', ['-fn', image]],
  xfs: (image) => ['xfs_repair', ['-n', image]],
  btrfs: (image) => ['btrfs', ['check', '--readonly', image]],
  vfat: (image) => ['fsck.fat', ['-n', image]],
  exfat: (image) => ['fsck.exfat', ['-n', image]],
  f2fs: (image) => ['fsck.f2fs', ['--dry-run', image]],
  squashfs: (image) => ['unsquashfs', ['-lls', image]],
  erofs: (image) => ['fsck.erofs', [image]],
};
const MADE_OF_TREE = ['squashfs', 'erofs'];

function checkNatively(what: string, type: string, image: string): void {
  const [program, args] = checks[type]?.(image) ?? ['false', []];
  const { status, output } = run(program, args);
  told(`${what}: ${program} finds nothing`, status === 0, output);
}

function checkType(type: string, tree: string): void {
  const sizes = MADE_OF_TREE.includes(type) ? [] : ['-s', '512M'];
  const made = join(folder, `${type}.img`);
  const again = join(folder, `${type}.again.img`);
  if (sizes.length > 0) {
    const { status, output } = lkl(['mkfs', '-t', type, ...sizes, '--label', 'LABEL', '--seed', 's', '-f', made]);
    told(`${type}, empty`, status === 0, output);
    checkNatively(`${type}, empty`, type, made);
  }
  for (const image of [made, again]) {
    const { status, output } = lkl(['mkfs', '-t', type, ...sizes, '--from', tree, '--seed', 's', '-f', image]);
    told(`${type} of a tree`, status === 0 || (status === 3 && /vfat|exfat/.test(type)), output);
  }
  told(`${type} of a tree: the same seed gives the same bytes`, sha256(made) === sha256(again));
  checkNatively(`${type} of a tree`, type, made);
  const ours = lkl(['fsck', made]);
  if (type !== 'squashfs') told(`${type} of a tree: our own checker finds nothing`, ours.status === 0, ours.output);
  rmSync(made, { force: true });
  rmSync(again, { force: true });
}

/** mke2fs with everything given that is random: the same bytes as the native one's. */
function compareMke2fs(): void {
  const variants: readonly (readonly string[])[] = [
    ['-t', 'ext4'],
    ['-t', 'ext3'],
    ['-t', 'ext2', '-b', '1024'],
    ['-t', 'ext4', '-O', '^64bit,metadata_csum,inline_data,bigalloc', '-C', '16384'],
    ['-t', 'ext4', '-T', 'largefile', '-N', '5000', '-m', '1', '-O', 'quota,project,encrypt,verity,casefold'],
  ];
  for (const [i, variant] of variants.entries()) {
    const args = ['-q', '-F', '-U', UUID, '-E', `hash_seed=${UUID},nodiscard`, ...variant];
    const native = sparse(join(folder, `native-${i}`), 200 << 20);
    const ours = sparse(join(folder, `ours-${i}`), 200 << 20);
    const env = { E2FSPROGS_FAKE_TIME: EPOCH };
    told(`mke2fs ${variant.join(' ')}: native`, run('mke2fs', [...args, native], env).status === 0);
    const { status, output } = lkl(['run', '--disk', ours, '--', 'mke2fs', ...args, '/dev/vda'], {
      SOURCE_DATE_EPOCH: EPOCH,
    });
    told(`mke2fs ${variant.join(' ')}: ours`, status === 0, output);
    told(`mke2fs ${variant.join(' ')}: byte for byte`, sha256(native) === sha256(ours), difference(native, ours));
  }
}

/** The same damage, repaired by both. */
function compareE2fsck(tree: string): void {
  const image = join(folder, 'damaged');
  lkl(['mkfs', '-t', 'ext4', '-s', '64M', '--from', tree, '--seed', 's', '-f', image]);
  const layout = run('dumpe2fs', [image]).output;
  const block = Number(/Block size:\s+(\d+)/.exec(layout)?.[1]);
  const inodes = Number(/Inode table at (\d+)/.exec(layout)?.[1]) * block;
  for (const [name, at, length] of [
    ['an inode table', inodes, 8192],
    ['group descriptors', 4096, 512],
    ['bitmaps', 0x4_0000, 4096],
  ] as const) {
    const native = join(folder, 'native-repaired');
    const ours = join(folder, 'ours-repaired');
    for (const copy of [native, ours]) {
      writeFileSync(copy, readFileSync(image));
      const fd = openSync(copy, 'r+');
      writeSync(fd, Buffer.alloc(length, 0xa5), 0, length, at);
      closeSync(fd);
    }
    const theirs = run('e2fsck', ['-fy', native], { E2FSCK_TIME: EPOCH });
    const own = lkl(['fsck', '-y', ours], { SOURCE_DATE_EPOCH: EPOCH });
    told(
      `e2fsck after damage to ${name}: repaired (natively ${theirs.status})`,
      own.status === 3 || own.status === 0,
      own.output,
    );
    checkNatively(`e2fsck after damage to ${name}`, 'ext4', ours);
    told(`e2fsck after damage to ${name}: byte for byte`, sha256(native) === sha256(ours), difference(native, ours));
  }
}

function resize(tree: string): void {
  for (const [type, sizes] of [
    ['ext4', ['1G', '200M']],
    ['xfs', ['1G']],
    ['btrfs', ['1G', '600M']],
  ] as const) {
    const image = join(folder, `${type}-resized`);
    lkl(['mkfs', '-t', type, '-s', '512M', '--from', tree, '-f', image]);
    for (const size of sizes) {
      const { status, output } = lkl(['resize', image, size]);
      told(`resize ${type} to ${size}`, status === 0, output);
      checkNatively(`resize ${type} to ${size}`, type, image);
    }
    rmSync(image);
  }
}

/** Where two files differ: the first places. */
function difference(a: string, b: string): string {
  return run('sh', ['-c', 'cmp -l "$1" "$2" | head -20; cmp -l "$1" "$2" | wc -l', 'sh', a, b]).output;
}

const asked = process.argv.slice(2);
const tree = makeTree();
for (const type of asked.length > 0 ? asked : Object.keys(checks)) checkType(type, tree);
if (asked.length === 0) {
  compareMke2fs();
  compareE2fsck(tree);
  resize(tree);
}
console.log(failures === 0 ? 'all as it should be' : `${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
