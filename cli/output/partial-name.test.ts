import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { partialName, removeLeft } from './partial-name.ts';

it('what a dead process left is removed, not what a live one has, or one of elsewhere', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-partial-'));
  try {
    const { pid: dead } = spawnSync('true');
    const ours = partialName();
    const of = (pid: number) => ours.replace(`-${process.pid}-`, `-${pid}-`);
    const elsewhere = of(dead).replace(/^\.lkl-......../, '.lkl-00000000');
    const kept = [ours, of(process.ppid), elsewhere, `.lkl-${dead}.partial`, 'file'];
    for (const name of [...kept, of(dead)]) writeFileSync(join(folder, name), '');
    removeLeft(folder);
    expect(readdirSync(folder).sort()).toEqual([...kept].sort());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('names are never the same', () => {
  expect(new Set(Array.from({ length: 100 }, partialName)).size).toBe(100);
});
