/** NTFS made, checked, repaired and resized by ntfs-3g's own programs, as people call them. */

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { keptTools, sha256, testFolder } from '../tools-kit.ts';

const at = testFolder();
const lkl = keptTools();
const MIB = 2 ** 20;
mkdirSync(at('tree/deep'), { recursive: true });
writeFileSync(at('tree/small'), 'small\n');
writeFileSync(at('tree/deep/large'), Buffer.alloc(3 * MIB, 'large'));
writeFileSync(at('tree/deep/middle'), 'middle'.repeat(50_000));

const make = (name: string, ...more: string[]) =>
  lkl(['mkfs', '-q', '-t', 'ntfs', '--from', at('tree'), ...more, at(name)]);

describe('an NTFS', () => {
  it('is made of a folder with a label, and the same seed gives the same bytes', () => {
    expect(make('one', '-s', '16M', '-L', 'Größe', '--seed', '5')).toMatchObject({ status: 0, stderr: '' });
    make('other', '-s', '16M', '-L', 'Größe', '--seed', '5');
    expect(sha256(at('other'))).toBe(sha256(at('one')));
    expect(lkl(['info', at('one')]).stdout).toMatch(/ntfs +Größe/);
    expect(lkl(['cat', at('one'), 'small']).stdout).toBe('small\n');
    expect(lkl(['fsck', at('one')]).status).toBe(0);
    expect(lkl(['mkfs', '-t', 'ntfs', '-s', '100K', at('tiny')])).toMatchObject({ status: 1 });
  }, 60_000);

  it('fits what is in it', () => {
    expect(make('fit', '-s', 'fit')).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(at('fit')).size).toBeLessThan(8 * MIB);
    expect(lkl(['fsck', at('fit')]).status).toBe(0);
  }, 60_000);

  it('grows and shrinks with its image, and keeps what is in it; less than that is refused', () => {
    make('sized', '-s', '32M');
    for (const size of ['96M', '20M']) {
      expect(lkl(['resize', at('sized'), size])).toMatchObject({ status: 0, stderr: '' });
      expect(statSync(at('sized')).size).toBe(Number.parseInt(size, 10) * MIB);
      expect(lkl(['fsck', at('sized')]).status).toBe(0);
      expect(lkl(['cat', at('sized'), 'deep/middle']).stdout === 'middle'.repeat(50_000)).toBe(true);
    }
    const before = sha256(at('sized'));
    expect(lkl(['resize', at('sized'), '3M'])).toMatchObject({ stderr: expect.stringContaining('already occupied') });
    expect(sha256(at('sized'))).toBe(before);
    // ntfsresize asks for a check before it is written: that is one.
    expect(lkl(['cp', at('tree/small'), `${at('sized')}:/new`]).stderr).toContain('volume is dirty');
    expect(lkl(['fsck', '--yes', at('sized')]).status).toBe(0);
    expect(lkl(['cp', at('tree/small'), `${at('sized')}:/new`]).status).toBe(0);
  }, 60_000);

  it('whose records are lost is not called clean', () => {
    make('lost', '-s', '16M');
    const bytes = readFileSync(at('lost'));
    bytes.fill(0xa5, 5 * 4096, 8 * 4096);
    writeFileSync(at('lost'), bytes);
    expect(lkl(['fsck', at('lost')]).status).toBe(2);
    expect(lkl(['fsck', '--yes', at('lost')]).status).toBe(2);
    expect(lkl(['resize', at('lost'), '32M']).status).not.toBe(0);
    expect(statSync(at('lost')).size).toBe(16 * MIB);
  }, 60_000);
});
