/**
 * What Linux writes here, beside what this machine's Linux writes: the same random operations by node:fs/promises on an image of each
 * type and on a directory of this machine. Each step has to answer the same, the trees have to be the same, before the image is closed
 * and after it was opened again, and the file system's own checker finds nothing. This machine's Linux reads what it has a driver for.
 *
 *   node scripts/conformance/write.ts [--seed N] [--rounds N] [--steps N] [--fs ext4,xfs…]
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import * as native from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededWords, type Words } from '../../src/bytes/seeded-words.ts';
import { openImage } from '../../src/library/index.ts';

interface Type {
  readonly make: readonly string[];
  /** None: there is no checker, and the image is only read again. */
  readonly check?: readonly string[];
  readonly mib: number;
  /** What its files can be beside names and bytes. */
  readonly has: 'all' | 'names';
}

/** `{}` is the image. */
const types: Readonly<Record<string, Type>> = {
  ext2: { make: ['mkfs.ext2', '-q', '-F', '{}'], check: ['e2fsck', '-fn', '{}'], mib: 64, has: 'all' },
  ext3: { make: ['mkfs.ext3', '-q', '-F', '{}'], check: ['e2fsck', '-fn', '{}'], mib: 64, has: 'all' },
  ext4: { make: ['mkfs.ext4', '-q', '-F', '{}'], check: ['e2fsck', '-fn', '{}'], mib: 64, has: 'all' },
  xfs: { make: ['mkfs.xfs', '-q', '-f', '{}'], check: ['xfs_repair', '-n', '{}'], mib: 320, has: 'all' },
  btrfs: { make: ['mkfs.btrfs', '-q', '-f', '{}'], check: ['btrfs', 'check', '{}'], mib: 128, has: 'all' },
  f2fs: { make: ['mkfs.f2fs', '-q', '-f', '{}'], check: ['fsck.f2fs', '--dry-run', '{}'], mib: 64, has: 'all' },
  jfs: { make: ['mkfs.jfs', '-q', '{}'], check: ['fsck.jfs', '-n', '-f', '{}'], mib: 64, has: 'all' },
  nilfs2: { make: ['mkfs.nilfs2', '-q', '-f', '{}'], mib: 160, has: 'all' },
  udf: { make: ['mkfs.udf', '{}'], mib: 64, has: 'all' },
  minix: { make: ['mkfs.minix', '-3', '{}'], check: ['fsck.minix', '-f', '{}'], mib: 32, has: 'all' },
  ntfs3: { make: ['mkfs.ntfs', '-q', '-F', '{}'], check: ['ntfsfix', '-n', '{}'], mib: 64, has: 'names' },
  vfat: { make: ['mkfs.vfat', '-F', '32', '{}'], check: ['fsck.vfat', '-n', '{}'], mib: 64, has: 'names' },
  exfat: { make: ['mkfs.exfat', '{}'], check: ['fsck.exfat', '-n', '{}'], mib: 64, has: 'names' },
};

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '400' },
    fs: { type: 'string', default: Object.keys(types).join() },
  },
});

type Side = Pick<
  typeof native,
  | 'appendFile'
  | 'chmod'
  | 'link'
  | 'lstat'
  | 'mkdir'
  | 'open'
  | 'readFile'
  | 'readdir'
  | 'readlink'
  | 'rename'
  | 'rmdir'
  | 'symlink'
  | 'truncate'
  | 'unlink'
  | 'utimes'
  | 'writeFile'
>;
type Step = (side: Side, at: (path: string) => string) => Promise<unknown>;

const below = (random: Words, end: number): number => random() % end;

/** Few names, so that steps meet; case alone tells none apart. */
const NAMES = ['a', 'b', 'c', 'd.txt', 'e e', 'ümläut', 'n'.repeat(60)];
/** What file systems keep in their root for themselves. */
const THEIRS = ['/lost+found', '/.nilfs'];

function path(random: Words): string {
  const depth = [1, 1, 1, 2, 2, 3][below(random, 6)] ?? 1;
  return Array.from({ length: depth }, () => `/${NAMES[below(random, NAMES.length)]}`).join('');
}

/** What a step does is drawn once, for both sides. */
function stepOf(random: Words, has: Type['has']): { readonly what: string; readonly step: Step } {
  const [one, other] = [path(random), path(random)];
  const bytes = Buffer.alloc(
    below(random, 4) === 0 ? below(random, 300_000) : below(random, 5_000),
    `${below(random, 1e9)} `,
  );
  const offset = below(random, 200_000);
  const seconds = 1_000_000_000 + 2 * below(random, 1e8);
  const steps: Record<string, Step> = {
    writeFile: (side, at) => side.writeFile(at(one), bytes),
    appendFile: (side, at) => side.appendFile(at(one), bytes),
    async writeAt(side, at) {
      const file = await side.open(at(one), 'r+');
      await file.write(bytes, 0, bytes.length, offset).finally(() => file.close());
    },
    mkdir: (side, at) => side.mkdir(at(one)).then(() => undefined),
    mkdirOther: (side, at) => side.mkdir(at(other)).then(() => undefined),
    writeOther: (side, at) => side.writeFile(at(other), bytes),
    truncate: (side, at) => side.truncate(at(one), offset),
    rename: (side, at) => side.rename(at(one), at(other)),
    unlink: (side, at) => side.unlink(at(one)),
    rmdir: (side, at) => side.rmdir(at(one)),
    utimes: (side, at) => side.utimes(at(one), seconds, seconds),
    readFile: async (side, at) =>
      createHash('sha256')
        .update(await side.readFile(at(one)))
        .digest('hex'),
    ...(has === 'all' && {
      link: (side, at) => side.link(at(one), at(other)),
      symlink: (side, at) => side.symlink(one.slice(1), at(other)),
      chmod: (side, at) => side.chmod(at(one), [0o600, 0o755, 0o444, 0o4711][bytes.length % 4] ?? 0),
    }),
  };
  const names = Object.keys(steps);
  const what = names[below(random, names.length)] ?? '';
  return { what: `${what} ${one} ${other}`, step: steps[what] ?? (async () => {}) };
}

/** Its answer, or its error's name. */
async function told(step: Step, side: Side, at: (path: string) => string): Promise<unknown> {
  try {
    return (await step(side, at)) ?? 'done';
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    // POSIX lets a file system say either of a directory that has something in it; XFS says the other.
    return code === 'ENOTEMPTY' ? 'EEXIST' : code;
  }
}

async function treeOf(side: Side, at: (path: string) => string, has: Type['has'], path = ''): Promise<string[]> {
  const rows: string[] = [];
  for (const name of (await side.readdir(at(path || '/'))).sort()) {
    const inner = `${path}/${name}`;
    if (THEIRS.includes(inner)) continue;
    const stat = await side.lstat(at(inner));
    const content = stat.isFile()
      ? createHash('sha256')
          .update(await side.readFile(at(inner)))
          .digest('hex')
      : '';
    const target = stat.isSymbolicLink() ? await side.readlink(at(inner)) : '';
    const more = has === 'all' ? `${(stat.mode & 0o7777).toString(8)} ${stat.isDirectory() ? '' : stat.nlink}` : '';
    rows.push(`${inner} ${stat.isFile() ? stat.size : ''} ${content} ${target} ${stat.isSymbolicLink() ? '' : more}`);
    if (stat.isDirectory()) rows.push(...(await treeOf(side, at, has, inner)));
  }
  return rows;
}

function mustEqual(here: unknown, there: unknown, where: string): void {
  if (JSON.stringify(here) === JSON.stringify(there)) return;
  const rows = (value: unknown) => (Array.isArray(value) ? value : [value]);
  const differ = rows(here).filter((row) => !rows(there).includes(row));
  const miss = rows(there).filter((row) => !rows(here).includes(row));
  throw new Error(`${where}\n  here:  ${differ.join('\n         ')}\n  there: ${miss.join('\n         ')}`);
}

const folder = mkdtempSync(join(tmpdir(), 'lkl-write-'));
const filled = (words: readonly string[], image: string) => words.map((word) => word.replace('{}', image));
const drivers = readFileSync('/proc/filesystems', 'utf8');

async function round(name: string, type: Type, seed: number): Promise<{ steps: number; failed: number }> {
  const image = join(folder, `${name}.img`);
  writeFileSync(image, '');
  truncateSync(image, type.mib << 20);
  const [program = '', ...words] = filled(type.make, image);
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const there = mkdtempSync(join(folder, 'there-'));
  const atThere = (path: string) => there + path;
  const atHere = (path: string) => path;
  const random = seededWords(seed, name);
  let failed = 0;
  const opened = await openImage(image, { writable: true });
  try {
    const here = opened as unknown as Side;
    for (let done = 0; done < Number(values.steps); done++) {
      const { what, step } = stepOf(random, type.has);
      const [ours, natives] = [await told(step, here, atHere), await told(step, native, atThere)];
      mustEqual(ours, natives, `${name}, seed ${seed}, step ${done}: ${what}`);
      if (typeof natives === 'string' && /^E[A-Z]+$/.test(natives)) failed++;
    }
    mustEqual(await treeOf(here, atHere, type.has), await treeOf(native, atThere, type.has), `${name}: the tree`);
  } finally {
    await opened.close();
  }
  const again = await openImage(image);
  const wanted = await treeOf(native, atThere, type.has);
  try {
    mustEqual(await treeOf(again as unknown as Side, atHere, type.has), wanted, `${name}: the tree, opened again`);
  } finally {
    await again.close();
  }
  if (type.check) {
    const [checker = '', ...how] = filled(type.check, image);
    const { status, stdout, stderr } = spawnSync(checker, how, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${name}, seed ${seed}: ${checker} ends with ${status}\n${stdout}${stderr}`);
  }
  if (new RegExp(`^\\t${name}$`, 'm').test(drivers)) {
    const mounted = mkdtempSync(join(folder, 'mounted-'));
    execFileSync('mount', ['-o', 'loop,ro', image, mounted]);
    try {
      mustEqual(await treeOf(native, (path) => mounted + path, type.has), wanted, `${name}: as this machine reads it`);
    } finally {
      execFileSync('umount', [mounted]);
    }
  }
  rmSync(image);
  return { steps: Number(values.steps), failed };
}

try {
  for (const name of values.fs.split(',')) {
    const type = types[name];
    if (type === undefined) throw new Error(`${name} is none of ${Object.keys(types).join(', ')}`);
    let [steps, failed] = [0, 0];
    const startMs = performance.now();
    try {
      for (let at = 0; at < Number(values.rounds); at++) {
        const done = await round(name, type, Number(values.seed) + at);
        [steps, failed] = [steps + done.steps, failed + done.failed];
      }
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      console.log(`${name.padEnd(8)} ${steps} steps, ${failed} of them refused, the same; ${seconds} s`);
    } catch (cause) {
      console.log(`${name.padEnd(8)} ${cause instanceof Error ? cause.message : cause}`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
