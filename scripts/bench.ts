/**
 * `npm run bench -- [GROUP…] [--json FILE] [--quick]`: measures, groups one after another, all of them by default. What a group
 * needs of the machine is looked for before the first begins; what one measured is kept when another fails.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from './bench/command.ts';
import { fs2tar } from './bench/fs2tar.ts';
import { kernel } from './bench/kernel.ts';
import { library } from './bench/library.ts';
import type { BenchOptions, Results } from './bench/result.ts';
import { session } from './bench/session.ts';
import { simulation } from './bench/simulation.ts';
import { size } from './bench/size.ts';
import { start } from './bench/start.ts';
import { tools } from './bench/tools.ts';
import { write } from './bench/write.ts';

/** Programs by the Debian package that has them; `root`: to be it, for loop mounts. */
const needs = {
  'mkfs.ext4': 'e2fsprogs',
  mksquashfs: 'squashfs-tools',
  e2fsck: 'e2fsprogs',
  tar: 'tar',
  curl: 'curl',
  fusermount3: 'fuse3',
  rclone: 'rclone',
} as const;

interface Group {
  readonly run: (options: BenchOptions) => Promise<Results>;
  readonly programs?: readonly (keyof typeof needs)[];
  readonly root?: true;
}

const groups: Readonly<Record<string, Group>> = {
  size: { run: size },
  start: { run: start },
  kernel: { run: kernel, programs: ['mkfs.ext4'] },
  session: { run: session, programs: ['mkfs.ext4'] },
  simulation: { run: simulation },
  library: { run: library, programs: ['mkfs.ext4'] },
  command: { run: command, programs: ['mkfs.ext4', 'tar'], root: true },
  tools: { run: tools, programs: ['mkfs.ext4', 'e2fsck', 'tar'] },
  write: { run: write, programs: ['mkfs.ext4', 'e2fsck', 'tar', 'fusermount3', 'rclone'], root: true },
  fs2tar: { run: fs2tar, programs: ['mkfs.ext4', 'mksquashfs', 'tar', 'curl'], root: true },
};

const { values, positionals } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const asked = positionals.length > 0 ? positionals : Object.keys(groups);
const lacking = asked.flatMap(lacks);
if (lacking.length > 0) {
  console.error(`${lacking.join('\n')}\nNothing was measured. Groups: ${Object.keys(groups).join(', ')}.`);
  process.exit(1);
}

const results: Record<string, number> = {};
for (const name of asked) {
  console.error(`${name} …`);
  const folder = mkdtempSync(join(tmpdir(), 'lkl-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    Object.assign(results, await groups[name]?.run({ quick: values.quick, folder }));
  } catch (cause) {
    console.error(`${name} failed:`, cause);
    process.exitCode = 1;
  }
  remove();
  process.off('exit', remove);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
console.log(table(results));

/** What a group needs and this machine has not, in a line. */
function lacks(name: string): string[] {
  const group = groups[name];
  if (group === undefined) return [`there is no group ${name}`];
  const missing = (group.programs ?? []).filter((program) => !isThere(program));
  return [
    ...missing.map((program) => `${name} needs ${program} (Debian package ${needs[program]})`),
    ...(group.root && process.getuid?.() !== 0 ? [`${name} needs root, for loop mounts`] : []),
  ];
}

function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Three digits tell enough. */
function table(all: Results): string {
  const rows = Object.entries(all).map(
    ([name, value]) => `| ${name} | ${Number(value.toPrecision(3)).toLocaleString('en')} |`,
  );
  return [`| on ${cpus().length} × ${cpus()[0]?.model} | |`, '|---|--:|', ...rows].join('\n');
}
