/**
 * e2fsprogs' own tests with our programs: `node scripts/conformance/e2fsprogs.ts SOURCE [TEST ...]`. SOURCE is the unpacked and
 * patched source as the build leaves it (build/userland/src/e2fsprogs); the tests run in a copy, where each program is a call of as-native.ts.
 * Those of e2undo (u_*) are left out: it is not among the tools.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../pins.ts';

const [source = '', ...asked] = process.argv.slice(2);
if (!existsSync(join(source, 'tests/test_one.in'))) throw new Error('usage: e2fsprogs.ts SOURCE [TEST ...]');

const folder = mkdtempSync(join(tmpdir(), 'lkl-e2fsprogs-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
cpSync(join(source, 'tests'), join(folder, 'tests'), { recursive: true });
const tests = join(folder, 'tests');

const programs = {
  e2fsck: ['e2fsck'],
  misc: ['mke2fs', 'tune2fs', 'dumpe2fs', 'e2image'],
  debugfs: ['debugfs'],
  resize: ['resize2fs'],
};
for (const [part, names] of Object.entries(programs)) {
  mkdirSync(join(folder, part));
  for (const name of names) {
    const file = join(folder, part, name);
    writeFileSync(
      file,
      `#!/bin/sh\nexec ${process.execPath} ${join(root, 'scripts/conformance/as-native.ts')} ${name} "$@"\n`,
    );
    chmodSync(file, 0o755);
  }
}
// What its Makefile makes of templates.
const run = (command: string): void => {
  const { status, stderr } = spawnSync('sh', ['-c', command], { cwd: tests, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
};
run('sed -e "s#@SRCDIR@#.#g" -e "s#@abs_srcdir@#$PWD#g" test_one.in >test_one; chmod +x test_one');
run('cp mke2fs.conf.in mke2fs.conf');

const names = asked.length > 0 ? asked : readdirSync(tests).filter((name) => /^[a-tv-z]_/.test(name));
const results: Record<string, string[]> = { ok: [], failed: [], skipped: [] };
for (const name of names.sort()) {
  const { stdout } = spawnSync('sh', ['./test_one', `./${name}`], {
    cwd: resolve(tests),
    encoding: 'utf8',
    env: { ...process.env, SRCDIR: '.' },
    timeout: 300_000,
  });
  const how = /: ok\b/.test(stdout) ? 'ok' : /skipped/.test(stdout) ? 'skipped' : 'failed';
  results[how]?.push(name);
  console.log(stdout.trim());
}
console.log(
  Object.entries(results)
    .map(([how, list]) => `${list.length} ${how}`)
    .join(', '),
);
console.log(`failed: ${results.failed?.join(' ')}`);
