/**
 * Conformance: random trees on every file system Linux can mount, our tar of each against the native mount, attribute by attribute.
 *
 *   node scripts/conformance/run.ts [--seed N] [--rounds N] [--fs ext4,xfs…] [--command 'npx lkl fs2tar {image} -o {tar} {flags}'] [--own-kernel]
 *
 * The native side is Debian's build of the same Linux in qemu (scripts/fixtures/linux.sh), or with --own-kernel this machine's
 * kernel (root; quicker; only what it can mount). `--command 'cp {native} {tar}'` judges GNU tar in our place, and so this script.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '1' },
    fs: { type: 'string', default: '' },
    command: { type: 'string', default: 'npx lkl fs2tar {image} -o {tar} {flags}' },
    'own-kernel': { type: 'boolean', default: false },
  },
});

interface Native {
  readonly options: string;
}

interface Result {
  readonly entries: number;
  readonly verdicts: Readonly<Record<string, readonly string[]>>;
}

/** What the tar is judged by, in native.py's words. */
const judges = ['tar', 'GNU tar', 'bsdtar'];
const rows = values.fs === '' ? [] : values.fs.split(',');
let failed = false;

for (let round = 1; round <= Number(values.rounds); round++) {
  const seed = `${values.seed}.${round}`;
  const out = join(root, 'build/conformance', seed);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });

  const log = native([values.command.includes('{native}') ? 'make-with-tar' : 'make', out, seed, ...rows]);
  const names = Array.from(log.matchAll(/^([\w-]+): \d+ entries$/gm), ([, name]) => name ?? '');
  for (const [line] of log.matchAll(/^.*: not made: .*$/gm)) {
    console.log(line);
    // The reference kernel has them all.
    if (!values['own-kernel']) failed = true;
  }
  const produced = names.filter((name) => produce(out, name));
  native(['judge', out, ...produced]);
  const results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Record<string, Result>;
  report(seed, names, results);
}
process.exit(failed ? 1 : 0);

/** Run the native side; its output. */
function native(args: readonly string[]): string {
  const python = ['python3', join(here, 'native.py'), ...args];
  const [program = '', ...rest] = values['own-kernel']
    ? python
    : ['bash', join(here, '../fixtures/linux.sh'), ...python];
  const done = spawnSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 });
  if (done.status !== 0) throw new Error(`native.py ${args[0]}: status ${done.status}\n${done.stdout}`);
  return done.stdout;
}

/** Have the command under test make the tar. */
function produce(out: string, name: string): boolean {
  const { options } = JSON.parse(readFileSync(join(out, `${name}.json`), 'utf8')) as Native;
  const words: Record<string, string> = {
    image: join(out, `${name}.img`),
    native: join(out, `${name}.native.tar`),
    tar: join(out, `${name}.tar`),
  };
  const flags = options === '' ? '' : `--options ${quoted(options)}`;
  const command = values.command
    .replace('{flags}', flags)
    .replace(/\{(\w+)\}/g, (whole, word: string) => quoted(words[word] ?? whole));
  const done = spawnSync('sh', ['-c', command], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return done.status === 0;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function report(seed: string, names: readonly string[], results: Readonly<Record<string, Result>>): void {
  console.log(`\nseed ${seed}`);
  console.log(
    ['file system'.padEnd(20), 'entries'.padStart(7), ...judges.map((judge) => judge.padStart(8))].join('  '),
  );
  for (const name of names) {
    const result = results[name];
    const cells = judges.map((judge) => {
      const differences = result?.verdicts[judge]?.length;
      if (differences !== 0) failed = true;
      return (differences === undefined ? 'no tar' : differences === 0 ? 'equal' : `${differences} !`).padStart(8);
    });
    console.log([name.padEnd(20), String(result?.entries ?? '').padStart(7), ...cells].join('  '));
  }
  for (const [name, { verdicts }] of Object.entries(results)) {
    for (const [judge, differences] of Object.entries(verdicts)) {
      for (const line of differences.slice(0, 5)) console.log(`${name}, ${judge}: ${line}`);
    }
  }
  if (names.length === 0) failed = true;
}
