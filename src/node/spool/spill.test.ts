/** Blocks in a file: what was written is read, in any order, and the file has no name. */

import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileSpill } from './spill.ts';

it('gives back what it was given, slot by slot', async () => {
  const spill = fileSpill();
  const block = (byte: number) => new Uint8Array(4096).fill(byte);
  await spill.write(9, block(9));
  await spill.write(0, block(1));
  await spill.write(9, block(10));
  for (const [slot, byte] of [
    [9, 10],
    [0, 1],
  ] as const) {
    const into = new Uint8Array(4096);
    await spill.read(slot, into);
    expect(new Set(into)).toEqual(new Set([byte]));
  }
  await spill.close();
});

it('leaves no name behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spill-'));
  const spill = fileSpill(folder);
  if (process.platform !== 'win32') expect(readdirSync(folder)).toEqual([]);
  await spill.close();
  expect(readdirSync(folder)).toEqual([]);
  rmdirSync(folder);
});

it('says which folder does not take it', () => {
  expect(() => fileSpill('/nowhere/at/all')).toThrow('/nowhere/at/all');
});
