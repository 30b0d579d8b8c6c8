/** `npm run kernel:check` on copies of the kernel in which something was changed: what is stale cannot pass. */

import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'lkl-check-'));
afterAll(() => rmSync(copy, { recursive: true }));
beforeEach(() => {
  for (const folder of ['wasm', 'scripts'])
    cpSync(join(root, folder), join(copy, folder), { recursive: true, force: true });
});

function check() {
  const { status, stdout } = spawnSync(process.execPath, [join(copy, 'scripts/kernel-hash.ts'), '--check'], {
    encoding: 'utf8',
  });
  const stale = stdout.split('\n').filter((line) => line.startsWith('STALE'));
  return {
    status,
    stale: stale.map((line) => line.slice('STALE '.length, line.indexOf(': ', line.indexOf(': ') + 1))),
  };
}

it('passes as it is committed', () => {
  expect(check()).toEqual({ status: 0, stale: [] });
});

it('another source of the kernel', () => {
  appendFileSync(join(copy, 'wasm/arch/lkl/kernel/snapshot.c'), '\n');
  expect(check()).toEqual({ status: 1, stale: ['kernel.json: hash of all inputs'] });
});

it('another kernel than the snapshot was made by', () => {
  appendFileSync(join(copy, 'wasm/dist/vmlinux.wasm'), '\0');
  const stale = ['kernel.json: sha256 of vmlinux.wasm', 'snapshot.json: the kernel it was made by'];
  expect(check()).toEqual({ status: 1, stale });
});

it('another snapshot than the one described', () => {
  appendFileSync(join(copy, 'wasm/dist/kernel.wasm'), '\0');
  expect(check()).toEqual({ status: 1, stale: ['snapshot.json: sha256 of kernel.wasm'] });
});

it('another source of the tools, and another tool', () => {
  appendFileSync(join(copy, 'wasm/userland/lkl-cc'), '\n');
  appendFileSync(join(copy, 'wasm/dist/tools/mke2fs.wasm'), '\0');
  const stale = ['tools.json: hash of all inputs', 'tools.json: sha256 of every tool'];
  expect(check()).toEqual({ status: 1, stale });
});
