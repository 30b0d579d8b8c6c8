/**
 * e2fsprogs' own tests with our programs: `node scripts/conformance/e2fsprogs.ts SOURCE [TEST ...]`. SOURCE is the unpacked and
 * patched source as the build leaves it (build/userland/src/e2fsprogs); the tests run in a copy, where each program is a call of as-native.ts.
 * Those of e2undo (u_*) are left out: it is not among the tools. Needs gcc and libext2fs-dev for crcsum, a helper of the suite.
 * PART=1/2 runs the first half of them.
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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
      `#!/bin/sh\nCALLED=$0 exec ${process.execPath} ${join(root, 'scripts/conformance/as-native.ts')} ${name} "$@"\n`,
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
run('sh scripts/gen-test-data >test_data.tmp');
run(
  'echo "#define HAVE_GETOPT_H 1" >progs/config.h; mkdir progs/ss; : >progs/ss/ss.h; gcc -w -Iprogs -o progs/crcsum progs/crcsum.c -lext2fs -lcom_err',
);

const names = asked.length > 0 ? asked : readdirSync(tests).filter((name) => /^[a-tv-z]_/.test(name));
const [part = 1, parts = 1] = (process.env.PART ?? '1/1').split('/').map(Number);
const mine = names.sort().filter((_, i) => i % parts === part - 1);
/** Seconds for a test: many of some hundred calls, each of which starts a Node and a kernel, take longer. */
const PATIENCE_S = Number(process.env.PATIENCE ?? 300);
const results: Record<string, string[]> = { ok: [], failed: [], skipped: [], late: [] };
for (const name of mine) {
  const { stdout, error } = spawnSync('sh', ['./test_one', `./${name}`], {
    cwd: resolve(tests),
    encoding: 'utf8',
    // Its configuration looks for dd.
    env: { ...process.env, SRCDIR: '.', DD: 'dd' },
    timeout: PATIENCE_S * 1000,
  });
  const isLate = error !== undefined && 'code' in error && error.code === 'ETIMEDOUT';
  const how = isLate ? 'late' : /: ok\b/.test(stdout) ? 'ok' : /skipped/.test(stdout) ? 'skipped' : 'failed';
  results[how]?.push(name);
  const failed = join(tests, `${name}.failed`);
  if (how === 'failed' && existsSync(failed)) console.log(readFileSync(failed, 'latin1').slice(0, 2000));
  console.log(isLate ? `${name}: not done in ${PATIENCE_S} s` : stdout.trim());
}
console.log(
  Object.entries(results)
    .map(([how, list]) => `${list.length} ${how}`)
    .join(', '),
);
console.log(`failed: ${results.failed?.join(' ')}\nlate: ${results.late?.join(' ')}`);
