/** `lkl convert` of disks: any format that is read becomes any that is made, whole or not at all. */

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeFormats } from '../../../src/storage/formats/make/made-formats.ts';
import { keptLkl } from '../kept/kept.ts';
import { launcher } from '../launcher.ts';

const MIB = 1 << 20;
const folder = mkdtempSync(join(tmpdir(), 'lkl-convert-test-'));
const at = (name: string): string => join(folder, name);
const disk = Buffer.alloc(20 * MIB);

const kept = keptLkl();
/** A process of its own where there is a pipe. */
function lkl(args: readonly string[], input?: Buffer) {
  if (!args.includes('-')) {
    const { exitCode, ...said } = kept(['convert', ...args]);
    return { status: exitCode, ...said };
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, 'convert', ...args], {
    input,
    maxBuffer: 64 * MIB,
  });
  return { status, stdout, stderr: stderr.toString() };
}

beforeAll(() => {
  for (let i = 0; i < disk.length; i += 3 * MIB) disk.fill(`${i} `, i + 1234, i + 200_000);
  disk.write('end', disk.length - 3);
  writeFileSync(at('disk.raw'), disk);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a disk', () => {
  it.each(madeFormats)('goes to %s and back; a pipe gets the same', (to) => {
    const made = at(`made.${to}`);
    expect(lkl([at('disk.raw'), made, '-f', '-O', to])).toMatchObject({ status: 0, stderr: '' });
    expect(lkl([made, at('again.raw'), '-f']).status).toBe(0);
    expect(readFileSync(at('again.raw')).equals(disk)).toBe(true);
    const piped = lkl([at('disk.raw'), '-', '-O', to]);
    expect(piped).toMatchObject({ status: 0 });
    // A qcow2 in a file has its tables behind its data.
    if (to !== 'qcow2') expect(piped.stdout.equals(readFileSync(made))).toBe(true);
    if (to !== 'raw' && to !== 'vhd-fixed') expect(statSync(made).blocks * 512).toBeLessThan(disk.length / 4);
  });

  it('goes to a VHDX of blocks that are asked for', () => {
    expect(lkl([at('disk.raw'), at('small.vhdx'), '--block-size', '1M']).status).toBe(0);
    expect(lkl([at('disk.raw'), at('large.vhdx'), '--block-size', '64M']).status).toBe(0);
    expect(statSync(at('large.vhdx')).size).toBe(68 * MIB);
    expect(statSync(at('small.vhdx')).size).toBeLessThan(20 * MIB);
  });

  it('goes to qcow2 and back, by the endings of the names', () => {
    expect(lkl([at('disk.raw'), at('disk.qcow2')])).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(at('disk.qcow2')).size).toBeLessThan(disk.length / 4);
    expect(lkl([at('disk.qcow2'), at('back.raw')]).status).toBe(0);
    expect(readFileSync(at('back.raw')).equals(disk)).toBe(true);
    expect(statSync(at('back.raw')).blocks * 512).toBeLessThan(disk.length / 4);
  });

  it('comes by standard input and goes to standard output', () => {
    const packed = lkl(['-', '-', '--to', 'qcow2'], disk);
    expect(packed.status).toBe(0);
    expect(lkl(['-', '-', '--to', 'raw'], packed.stdout).stdout.equals(disk)).toBe(true);
  });

  it('that is cut short becomes nothing', () => {
    lkl([at('disk.raw'), at('cut.qcow2')]);
    truncateSync(at('cut.qcow2'), 200_000);
    const { status, stderr } = lkl([at('cut.qcow2'), at('of-cut.raw')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^lkl: the qcow2 has 200,000 bytes, its tables tell of [\d,]+\n$/);
    expect(existsSync(at('of-cut.raw'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });
});

describe('the command line', () => {
  it.each([
    [['disk.raw', 'thing.xyz'], 'say what is to be made'],
    [['disk.raw', 'disk.raw', '-f'], 'is what is read'],
    [['disk.raw', 'there.raw'], '--force makes it anew'],
    [['disk.raw', 'new.vhdx', '--block-size', '3M'], '256M'],
    [['disk.raw', 'new.vdi', '--block-size', '1M'], 'of a VHDX'],
    [['disk.raw', '.', '--to', 'raw'], 'is a directory'],
    [['disk.raw', 'new.raw', '--to', 'raw', '--label', 'x'], 'cannot be used with'],
    [['disk.raw', 'new.qcow2', '--luks-key-file', 'disk.raw'], 'are of a tree'],
    [['disk.raw', 'new.raw', '--', '-O', 'x'], 'words behind --'],
  ])('%j: %s', (words, why) => {
    writeFileSync(at('there.raw'), 'there');
    const [from = '', to = '', ...others] = words;
    const { status, stderr } = lkl([at(from), at(to), ...others]);
    expect(status).toBe(1);
    expect(stderr).toContain(why);
    expect(readFileSync(at('there.raw'), 'utf8')).toBe('there');
  });
});
