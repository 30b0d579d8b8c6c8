/** Modules of the user's own as programs of `lkl run` and `lkl shell`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { keptTools, testFolder } from '../tools-kit.ts';

const at = testFolder();
const lkl = keptTools();

describe('a program of one’s own', () => {
  const fixture = (name: string) =>
    fileURLToPath(new URL(`../../../test/fixtures/programs/${name}.wasm`, import.meta.url));

  it('of C, by lkl-cc, makes system calls: the example mounts a disk and lists it', () => {
    writeFileSync(at('small'), 'small');
    lkl(['mkfs', '-q', '-f', '-t', 'ext4', '-s', '16M', at('listed')]);
    lkl(['cp', at('small'), `${at('listed')}:/`]);
    const { status, stdout, stderr } = lkl(['run', '-d', at('listed'), '--', fixture('example'), '/dev/vda', 'ext4']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n').slice(0, 1)).toEqual(['Linux lkl']);
    expect(stdout).toContain('\nsmall\n');
    const wrong = lkl(['run', '-d', at('listed'), '--', fixture('example'), '/dev/vda', 'xfs']);
    expect(wrong).toMatchObject({ status: 1, stderr: 'list: /dev/vda: Invalid argument\n' });
  }, 60_000);

  it('of WASI runs as it does elsewhere, by its path or under a name in scripts', () => {
    const alone = lkl(['run', '--', fixture('wasi'), 'x'], { input: 'typed\n' });
    expect(alone).toMatchObject({ status: 42, stderr: 'an error\n' });
    expect(alone.stdout).toContain('argv[0]: wasi\nargv[1]: x\n');
    expect(alone.stdout).toContain('\ntyped\n');
    const script = 'mine a 2>/dev/null | grep argv; sh -c "mine >/dev/null" || echo $?';
    const named = lkl(['run', '--program', `mine=${fixture('wasi')}`, '--', 'sh', '-c', script]);
    expect(named).toMatchObject({ status: 0, stdout: 'argv[0]: mine\nargv[1]: a\n42\n' });
    const inShell = lkl(['shell', '-r', '--program', `mine=${fixture('wasi')}`, at('listed')], {
      input: 'mine | grep argv\n',
    });
    expect(inShell.stdout).toBe('argv[0]: mine\n');
  }, 60_000);

  it('that is none is told so before anything runs', () => {
    writeFileSync(at('cut.wasm'), readFileSync(fixture('wasi')).subarray(0, 5000));
    writeFileSync(at('text.wasm'), 'no module');
    writeFileSync(at('empty.wasm'), new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    const said = (word: string) => {
      const { status, stderr } = lkl(['run', '--', word]);
      return [status, stderr.replaceAll(at(''), '')];
    };
    expect(said(at('cut.wasm'))).toEqual([1, expect.stringContaining('cut is no whole WebAssembly module')]);
    expect(said(at('text.wasm'))).toEqual([1, expect.stringContaining('text.wasm is no WebAssembly')]);
    expect(said(at('empty.wasm'))).toEqual([1, expect.stringContaining('empty exports no memory')]);
    expect(said(at('none.wasm'))).toEqual([1, expect.stringContaining('no such file or directory (ENOENT)')]);
    expect(said(`./${relative(process.cwd(), process.execPath)}`)).toEqual([
      1,
      expect.stringContaining('is a program for this machine'),
    ]);
  }, 60_000);
});
