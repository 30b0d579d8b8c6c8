/**
 * Linux's tests of tc (qdiscs, filters, actions) with this machine's tc on our kernel, as root:
 *
 *   node scripts/conformance/tc-testing.ts linux-6.12/tools/testing/selftests/tc-testing [FILE …]
 *
 * Each file of cases runs in a kernel of its own. A case whose preparation fails ends its file there; what comes behind it is run on its own.
 * Needs python3 with scapy (PYTHON=/usr/bin/python3): without it two files are not run. Failures are told with the first line of why, in the order of their number.
 */

import { spawn } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../pins.ts';

const [source = '', ...asked] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'lkl-tc-testing-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
cpSync(source, folder, { recursive: true });

interface Result {
  readonly id: string;
  readonly name: string;
  readonly verdict: 'ok' | 'failed' | 'skipped';
  readonly why: string;
}

/** The suite wants a million descriptors, which containers do not give; it needs few. */
const START =
  'import resource, runpy, sys; resource.setrlimit = lambda *_: None; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name="__main__")';
/** A file may take so long, with a tenth of a second for each command of its cases. */
const LATE_MS = 900_000;

async function tdc(file: string, ids: readonly string[]): Promise<readonly Result[]> {
  const outfile = join(folder, 'results.tap');
  rmSync(outfile, { force: true });
  const selected = ids.length > 0 ? ['-e', ...ids] : [];
  const command = [
    process.env.PYTHON ?? 'python3',
    '-c',
    START,
    'tdc.py',
    '--outfile',
    outfile,
    '-f',
    file,
    ...selected,
  ];
  const child = spawn(process.execPath, [join(root, 'cli/lkl.mjs'), 'hijack', '-m', '256', '--', ...command], {
    cwd: folder,
    stdio: 'ignore',
  });
  const late = setTimeout(() => child.kill('SIGKILL'), LATE_MS);
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(late);
  return readTap(outfile);
}

function readTap(path: string): readonly Result[] {
  let text = '';
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    return [];
  }
  return text.split(/^(?=(?:not )?ok \d)/m).flatMap((part) => {
    const [, no, id = '', name = '', rest = ''] = /^(not )?ok \d+ (\S+) - ([^\n]*)([\s\S]*)$/.exec(part) ?? [];
    if (id === '') return [];
    const [title = '', skipped] = name.split(' # skipped - ');
    const verdict = no ? 'failed' : skipped === undefined ? 'ok' : 'skipped';
    return [{ id, name: title, verdict, why: skipped ?? whyOf(rest) }] as const;
  });
}

/** What tc or the kernel said, of what the suite tells. */
function whyOf(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /^(Error|RTNETLINK|Unknown|We have an error|What is|Could not)/i.test(line)) ??
    lines.find((line) => line !== '' && !line.startsWith('Commands executed')) ??
    ''
  );
}

const isLeft = ({ verdict, why }: Result): boolean => verdict === 'skipped' && /^skipped - previous/.test(why);

async function run(file: string): Promise<readonly Result[]> {
  const found = new Map<string, Result>();
  for (let ids: readonly string[] = []; ; ) {
    const results = await tdc(file, ids);
    for (const one of results) if (!isLeft(one) || !found.has(one.id)) found.set(one.id, one);
    const left = results.filter(isLeft).map(({ id }) => id);
    // The one that ended it is told as skipped by some versions of the suite.
    if (left.length === 0 || left.length >= (ids.length || Number.POSITIVE_INFINITY)) break;
    ids = left;
  }
  return [...found.values()];
}

const cases = (path: string): number => (JSON.parse(readFileSync(join(folder, path), 'utf8')) as unknown[]).length;
const files = asked.length > 0 ? asked : globSync('tc-tests/**/*.json', { cwd: folder }).sort();
const all: Result[] = [];
const failures = new Map<string, string[]>();
for (const file of files) {
  const results = await run(file);
  all.push(...results);
  const count = (verdict: Result['verdict']) => results.filter((one) => one.verdict === verdict).length;
  const lost = cases(file) - results.length;
  console.log(`${file}: ${count('ok')} ok, ${count('failed')} failed, ${count('skipped')} skipped, ${lost} not run`);
  for (const { id, name, verdict, why } of results) {
    if (verdict === 'ok') continue;
    console.log(`  ${verdict} ${id} ${name}: ${why}`);
    failures.set(`${verdict}: ${why}`, [...(failures.get(`${verdict}: ${why}`) ?? []), id]);
  }
}
for (const [why, ids] of [...failures].sort(([, a], [, b]) => b.length - a.length)) console.log(ids.length, why);
for (const verdict of ['ok', 'failed', 'skipped'])
  console.log(verdict, all.filter((one) => one.verdict === verdict).length);
