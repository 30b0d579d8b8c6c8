/** An image has one writer at a time, by whichever name, and a dead one keeps nobody out. */

import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFile } from './file-lock.ts';
import { writableFile } from './writable-file.ts';

let folder = '';
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lkl-lock-'));
  writeFileSync(at('image'), 'bytes');
});
afterEach(() => rmSync(folder, { recursive: true }));

const deadPid = () => spawnSync('true').pid;
const holder = (pid: number) => JSON.stringify({ pid, host: hostname() });

it('a second writer is refused, by a symlink and by a hard link too', () => {
  symlinkSync('image', at('symlink'));
  linkSync(at('image'), at('other'));
  const first = writableFile(at('image'));
  for (const name of ['image', 'symlink', 'other']) {
    expect(() => writableFile(at(name))).toThrow(expect.objectContaining({ message: expect.stringContaining(name) }));
  }
  first.close();
  for (const name of ['image', 'symlink', 'other']) writableFile(at(name)).close();
  expect(readdirSync(folder).sort()).toEqual(['image', 'other', 'symlink']);
});

it("a dead process's lock is taken over, by one alone", () => {
  writeFileSync(at('image.lock'), holder(deadPid()));
  writeFileSync(at('image.lock.taken'), holder(process.pid));
  expect(() => lockFile(at('image'))).toThrow(/writes it/);
  rmSync(at('image.lock.taken'));
  const unlock = lockFile(at('image'));
  expect(() => lockFile(at('image'))).toThrow(/writes it/);
  unlock();
  expect(readdirSync(folder)).toEqual(['image']);
});

it('who had the number of a process that is another now is dead, in this process, too', () => {
  const { ppid } = process;
  for (const lock of [
    { pid: process.pid, host: hostname(), started: '1' },
    { pid: ppid, host: hostname(), started: '1' },
    { pid: process.pid, host: hostname() },
  ]) {
    writeFileSync(at('image.lock'), JSON.stringify(lock));
    const unlock = lockFile(at('image'));
    expect(() => lockFile(at('image'))).toThrow(/writes it/);
    unlock();
    expect(readdirSync(folder)).toEqual(['image']);
  }
  writeFileSync(at('image.lock'), holder(ppid));
  expect(() => lockFile(at('image'))).toThrow(/writes it/);
});

it('who died while taking it over keeps nobody out for long', () => {
  writeFileSync(at('image.lock'), holder(deadPid()));
  writeFileSync(at('image.lock.taken'), holder(deadPid()));
  expect(() => lockFile(at('image'))).toThrow(/writes it/);
  lockFile(at('image'))();
  expect(existsSync(at('image.lock'))).toBe(false);
});
