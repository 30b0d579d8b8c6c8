/** Which command lines get a thread of their own. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { wantsThread } from './wants-thread.ts';

it.each([
  ['run --disk a.img -- true', true],
  ['run --disk=a.img -- true', true],
  ['run -d a.img -- true', true],
  ['run -da.img -- true', true],
  ['run -rd a.img -- true', true],
  ['-v run -d a.img -- true', true],
  ['shell a.img', true],
  ['fsck a.img', true],
  ['resize a.img 1G', true],
  ['run -- true --disk a.img', false],
  ['run', false],
  ['ls --disk', false],
  ['', false],
])('lkl %s: %s', (line, wants) => {
  expect(wantsThread(line.split(' ').filter(Boolean))).toBe(wants);
});

it.each([
  ['a network with programs', '{"workloads": [{"type": "exec"}]}', [], true],
  ['set-ups', '{"hosts": {"a": {"setup": ["true"]}}}', [], true],
  ['one without', '{"workloads": [{"type": "ping"}]}', [], false],
  ['what a Worker runs', '{"workloads": [{"type": "exec"}]}', ['--url', 'http://127.0.0.1'], false],
  ['a sweep', '{"workloads": [{"type": "exec"}]}', ['--sweep', 'seed=1,2'], false],
  ['a sweep of the file', '{"workloads": [{"type": "exec"}], "sweep": {"seed": [1, 2]}}', [], false],
])('lkl sim of %s', (_, text, options, wants) => {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'net.json');
  writeFileSync(file, text);
  expect(wantsThread(['sim', ...options, file])).toBe(wants);
  expect(wantsThread(['sim', file, ...options])).toBe(wants);
});

it('lkl sim of what is not there, and of standard input', () => {
  expect(wantsThread(['sim', '/nowhere/net.json'])).toBe(false);
  expect(wantsThread(['sim', '-'])).toBe(true);
});

it('lkl sim of what can be read once, and of what is too long to be read twice', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [fifo, long] = [join(folder, 'fifo'), join(folder, 'long.json')];
  execFileSync('mkfifo', [fifo]);
  writeFileSync(long, '{}');
  truncateSync(long, 100 * 2 ** 20);
  expect([fifo, long, folder].map((file) => wantsThread(['sim', file]))).toEqual([true, true, false]);
});

it('an older report beside a network decides nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [network, report] = [join(folder, 'net.json'), join(folder, 'report.html')];
  writeFileSync(network, '{"workloads": [{"type": "exec"}]}');
  writeFileSync(report, '"sweep": 1');
  expect(wantsThread(['sim', '--html', report, network])).toBe(true);
});
