/** Programs of WASI's preview 1 on the real kernel: a C program over wasi-libc, and modules that mean no good. */

import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import { wasiCalls } from '../../../src/kernel/program/wasi/wasi.ts';
import wasi from '../../fixtures/programs/wasi.wasm';
import { answer, programKernel } from './kit.ts';

const WASI = 'wasi_snapshot_preview1';

describe('a program of WASI', () => {
  it('has files, directories, clocks, arguments and its three streams, as Linux has them', async () => {
    const kernel = await programKernel({ wasi });
    const pieces = ['one\n', 'two\n'].map((text) => new TextEncoder().encode(text));
    const { out, err, exitCode } = await answer(kernel, ['wasi', 'a', 'ü'], {
      env: ['HOME=/root'],
      stdin: () => pieces.shift(),
    });
    expect({ err, exitCode }).toEqual({ err: 'an error\n', exitCode: 42 });
    expect(out.split('\n')).toEqual([
      'argv[0]: wasi',
      'argv[1]: a',
      'argv[2]: ü',
      'HOME: /root',
      'write: 12',
      'pwrite: 1',
      'seek: 6',
      'read: 6 World',
      'far: 5000000000',
      'truncate: 0',
      'times: 0',
      'fstat: size 5, mode 100000, links 1, mtime 5000000000',
      'append: 0',
      'flags: 1',
      'closed: Bad file descriptor',
      'exists: File exists',
      'missing: No such file or directory',
      'readlink: y',
      'lstat: 1',
      'stat: 1, links 2',
      'entries: 305',
      'rewound: .',
      'rmdir: Directory not empty',
      'unlink: 0',
      'slept: 3600 s',
      'poll: 1 1',
      'one',
      'two',
      'terminal: 0',
      'random: 1, memory: 1',
      '',
    ]);
    expect(kernel.programs.memoryBytes).toBe(0);
  });

  it('on a terminal knows that it is one', async () => {
    const kernel = await programKernel({ wasi });
    const { out } = await answer(kernel, ['wasi'], {
      terminal: { columns: 80, rows: 24 },
      stdin: (() => {
        const pieces = [new Uint8Array([4])];
        return () => pieces.shift();
      })(),
    });
    expect(out).toContain('terminal: 1');
  });

  it('has every function of preview 1', () => {
    expect(Object.keys(wasiCalls)).toHaveLength(46);
  });
});

/** A module from its text: `imports` are names and types of WASI's functions. */
function moduleOf(imports: readonly (readonly [name: string, type: string])[], body: string): WebAssembly.Module {
  const wanted = imports.map(([name, type]) => `(import "${WASI}" "${name}" (func $${name} ${type}))`).join('');
  const parsed = binaryen.parseText(`(module ${wanted} (memory (export "memory") 2) (func (export "_start") ${body}))`);
  parsed.setFeatures(binaryen.Features.BulkMemory);
  try {
    return new WebAssembly.Module(parsed.emitBinary() as Uint8Array<ArrayBuffer>);
  } finally {
    parsed.dispose();
  }
}

const EXIT = ['proc_exit', '(param i32)'] as const;
const exit = (code: string) => `(call $proc_exit ${code})`;
const params = (types: string) => `(param ${types}) (result i32)`;
/** Of each function, by letter: i32 or i64. */
const SIGNATURES: Readonly<Record<string, string>> = {
  fd_read: 'iiii',
  fd_write: 'iiii',
  fd_pread: 'iiiIi',
  fd_readdir: 'iiiIi',
  fd_seek: 'iIii',
  fd_fdstat_get: 'ii',
  fd_filestat_get: 'ii',
  fd_prestat_get: 'ii',
  fd_prestat_dir_name: 'iii',
  path_open: 'iiiiiIIii',
  path_filestat_get: 'iiiii',
  path_readlink: 'iiiiii',
  path_symlink: 'iiiii',
  path_rename: 'iiiiii',
  args_get: 'ii',
  args_sizes_get: 'ii',
  environ_get: 'ii',
  clock_time_get: 'iIi',
  clock_res_get: 'ii',
  poll_oneoff: 'iiii',
  random_get: 'ii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_accept: 'iii',
};

async function runModule(module: WebAssembly.Module) {
  const kernel = await programKernel({ hostile: module });
  const end = await answer(kernel, ['hostile'], { env: ['A=b'] });
  expect((await answer(kernel, ['probe', 'start'])).exitCode).toBe(7);
  expect(kernel.programs.running).toEqual([]);
  expect(kernel.programs.memoryBytes).toBe(0);
  return end;
}

describe('a module of WASI that means no good', () => {
  it.each(Object.entries(SIGNATURES))('gets an errno of %s for addresses that are none of its', async (name, types) => {
    const type = params([...types].map((letter) => (letter === 'i' ? 'i32' : 'i64')).join(' '));
    for (const value of [-1, -8, 0x7fff_fff0]) {
      const args = [...types].map((letter) => `(i${letter === 'i' ? 32 : 64}.const ${value})`).join(' ');
      const module = moduleOf([[name, type], EXIT], exit(`(call $${name} ${args})`));
      const { exitCode, signal } = await runModule(module);
      expect(signal).toBeUndefined();
      expect(exitCode).toBeGreaterThan(0);
      expect(exitCode).toBeLessThanOrEqual(76);
    }
  });

  it('with functions of other types is ended', async () => {
    const module = moduleOf([['fd_close', '(param i64) (result i64)']], '(drop (call $fd_close (i64.const 1)))');
    expect(await runModule(module)).toMatchObject({ signal: 6 });
  });

  it('with functions that there are not is not executed', async () => {
    await expect(runModule(moduleOf([['fd_everything', '']], '(call $fd_everything)'))).rejects.toThrow('ENOEXEC');
  });

  it('that asks for more memory than there is, is ended', async () => {
    const grow = '(drop (memory.grow (i32.const 2000))) (drop (call $sched_yield))';
    const module = moduleOf([['sched_yield', '(result i32)'], EXIT], `${grow} ${exit('(i32.const 0)')}`);
    expect(await runModule(module)).toMatchObject({ signal: 9 });
  });
});
