/** Modules that mean no good, or are none: they reach nothing but their own memory and the calls of their kernel. */

import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import { syscalls } from '../../../src/abi/syscalls.ts';
import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { close, openat, write } from '../../../src/kernel/syscalls/file.ts';
import { answer, programKernel } from './kit.ts';

/** A module from its text. */
function moduleOf(text: string): WebAssembly.Module {
  const parsed = binaryen.parseText(`(module ${text})`);
  const { BulkMemory, ExceptionHandling, MutableGlobals } = binaryen.Features;
  parsed.setFeatures(BulkMemory | ExceptionHandling | MutableGlobals);
  try {
    return new WebAssembly.Module(parsed.emitBinary() as Uint8Array<ArrayBuffer>);
  } finally {
    parsed.dispose();
  }
}

const CALL = '(import "lkl" "call" (func $call (param i32 i32 i32) (result i32)))';
const SIGNAL = '(import "lkl" "signal" (func $signal (param i32 i32) (result i32)))';
const FORK = '(import "lkl" "fork" (func $fork (result i32)))';
const MEMORY = '(memory (export "memory") 2)';
const start = (body: string) => `(func (export "_start") (param $sp i32) ${body})`;
const call = (number: number, at: number | string = 65_536, self = 0) =>
  `(call $call (i32.const ${self}) (i32.const ${number}) ${typeof at === 'string' ? at : `(i32.const ${at})`})`;
const exit = (code: string) =>
  `(i64.store (i32.const 65536) (i64.extend_i32_u ${code})) (drop ${call(syscalls.exit_group[0])})`;

/** The kernel goes on, and so do programs in it. */
async function expectWell(kernel: Kernel): Promise<void> {
  expect((await answer(kernel, ['probe', 'start'])).exitCode).toBe(7);
  expect(kernel.programs.running).toEqual([]);
  expect(kernel.programs.memoryBytes).toBe(0);
}

async function runText(text: string, memoryMib = 64) {
  const kernel = await programKernel({ hostile: moduleOf(text) });
  kernel.programs.memoryLimit = memoryMib << 20;
  try {
    return await answer(kernel, ['hostile']);
  } finally {
    await expectWell(kernel);
  }
}

describe('a module that is no program', () => {
  it.each([
    ['without a memory', start('')],
    ['without a beginning', MEMORY],
    ['whose beginning is no function', `${MEMORY} (global (export "_start") i32 (i32.const 1))`],
    ['that wants other imports', `(import "env" "x" (func)) ${MEMORY} ${start('')}`],
    ['that traps while it is made', `${MEMORY} (func $now unreachable) (start $now) ${start('')}`],
    ['that calls while it is made', `${CALL} ${MEMORY} (func $now (drop ${call(1)})) (start $now) ${start('')}`],
  ])('%s is not executed', async (_name, text) => {
    await expect(runText(text)).rejects.toThrow('ENOEXEC');
  });

  it('with more memory than there is, is not executed', async () => {
    await expect(runText(`(memory (export "memory") 2000) ${start('')}`)).rejects.toThrow('ENOMEM');
  });
});

describe('a program', () => {
  it('that just returns has ended well', async () => {
    expect(await runText(`${MEMORY} ${start('')}`)).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ['no thread', call(172, 65_536, 5)],
    ['a negative thread', call(172, 65_536, -1)],
    ['arguments at an odd place', call(172, 65_537)],
    ['arguments at NULL', call(172, 0)],
    ['arguments at the end of memory', call(172, '(i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 8))')],
    ['arguments behind it', call(172, -8)],
  ])('whose call names %s gets EFAULT', async (_name, made) => {
    const { exitCode } = await runText(`${CALL} ${MEMORY} ${start(exit(`(i32.sub (i32.const 0) ${made})`))}`);
    expect(exitCode).toBe(14);
  });

  it('asks for signals that are not there, anywhere, and for a fork that it was not made for', async () => {
    const asks = [0, 4096, 131_071, -1].map((at) => `(call $signal (i32.const 0) (i32.const ${at}))`);
    const sum = [...asks, '(call $signal (i32.const 9) (i32.const 4096))'].reduce((a, b) => `(i32.add ${a} ${b})`);
    const body = exit(`(i32.add ${sum} (i32.sub (i32.const 0) (call $fork)))`);
    expect((await runText(`${CALL} ${SIGNAL} ${FORK} ${MEMORY} ${start(body)}`)).exitCode).toBe(38);
  });

  it('that grows by itself to more than there is, is killed at its next call', async () => {
    const grow = '(drop (memory.grow (i32.const 200)))';
    const body = `${grow} (drop ${call(172)}) ${exit('(i32.const 1)')}`;
    expect((await runText(`${CALL} ${MEMORY} ${start(body)}`, 8)).signal).toBe(9);
    expect((await runText(`${CALL} ${MEMORY} ${start(body)}`, 64)).exitCode).toBe(1);
  });

  it('that catches its own end, and calls on and on, is left to itself', async () => {
    const on = `(loop $on (try (do (drop ${call(syscalls.exit_group[0])})) (catch_all)) (br $on))`;
    expect((await runText(`${CALL} ${MEMORY} ${start(on)}`)).exitCode).toBe(0);
  });

  it('whose word for waiting handlers lies outside of its memory has none', async () => {
    const pending = '(global (export "__lkl_pending") i32 (i32.const -2))';
    expect((await runText(`${CALL} ${MEMORY} ${pending} ${start(exit('(i32.const 3)'))}`)).exitCode).toBe(3);
  });

  it('that clones a thread without saying where that begins ends by its fault', async () => {
    const clone = `(i64.store (i32.const 65536) (i64.const 0x50f00)) (drop ${call(syscalls.clone[0])}) (loop $on (drop ${call(124)}) (br $on))`;
    expect(await runText(`${CALL} ${MEMORY} ${start(clone)}`)).toMatchObject({ signal: 6 });
  });
});

describe('a file that is executed', () => {
  const put = async (kernel: Kernel, path: string, bytes: Uint8Array): Promise<void> => {
    const { init } = kernel;
    const fd = must('openat', await openat(init, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0o755), path);
    init.memory.write(init.scratch, bytes);
    must('write', await write(init, fd, { at: init.scratch, bytes: bytes.length }, bytes.length));
    await close(init, fd);
  };
  const text = (line: string) => new TextEncoder().encode(line);

  it.each([
    ['is empty', text(''), 'ENOEXEC'],
    ['has the magic alone', text('#lkl'), 'ENOEXEC'],
    ['has no name', text('#lkl \n'), 'ENOENT'],
    ['has a name in front of which nothing stands', text('#lklprobe\n'), 'ENOEXEC'],
    ['has another name behind its name', text('#lkl probe hostile\n'), 'ENOENT'],
    ['has spaces around its name', text('#lkl  probe\n'), 'ENOENT'],
    ['has a NUL in its name', text('#lkl pro\0be\n'), 'ENOENT'],
    ['has a name that is no text', new Uint8Array([...text('#lkl '), 0xff, 0xfe, 0xc0, 10]), 'ENOENT'],
    ['has a name of many bytes', text(`#lkl ${'x'.repeat(240)}\n`), 'ENOENT'],
    ['has a name of too many', text(`#lkl ${'x'.repeat(300)}\n`), 'ENOEXEC'],
    ['has a name of __proto__', text('#lkl __proto__\n'), 'ENOENT'],
    ['names itself as its interpreter', text('#!/tmp/file\n'), 'ELOOP'],
  ])('and %s is told so', async (_name, bytes, errno) => {
    const kernel = await programKernel();
    await put(kernel, '/tmp/file', bytes);
    await expect(answer(kernel, ['probe'], { path: '/tmp/file' })).rejects.toThrow(errno);
    await expectWell(kernel);
  });

  it('is what its first line says, whatever follows', async () => {
    const kernel = await programKernel();
    await put(kernel, '/tmp/file', text(`#lkl probe\n${'rest\n'.repeat(1000)}`));
    expect(await answer(kernel, ['probe', 'start'], { path: '/tmp/file' })).toMatchObject({ exitCode: 7 });
  });

  it('with arguments of random sizes has them all, or is told that they are too many', async () => {
    const kernel = await programKernel();
    let seed = 5;
    const next = (below: number) => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed % below;
    };
    for (let i = 0; i < 25; i++) {
      const argv = [
        'probe',
        'start',
        ...Array.from({ length: next(400) }, () => 'ä'.repeat(next(next(8) === 0 ? 9000 : 60))),
      ];
      const bytes = [...argv, '/bin/probe'].reduce((sum, word) => sum + text(word).length + 1, 0);
      const run = answer(kernel, argv as [string, ...string[]]);
      if (bytes > 128 * 1024 - 4) {
        await expect(run).rejects.toThrow('E2BIG');
        continue;
      }
      const lines = (await run).out.split('\n').filter((line) => line.startsWith('argv['));
      expect(lines).toEqual(argv.slice(1).map((word, at) => `argv[${at}]: ${word}`));
    }
    await expectWell(kernel);
  });
});

describe('system calls with arguments of all kinds', () => {
  /** They end the one who asks, or the kernel, rightly; or others, who are asked by the same user. */
  const left = [
    'reboot',
    'kill',
    'tkill',
    'tgkill',
    'rt_sigqueueinfo',
    'rt_tgsigqueueinfo',
    'pidfd_send_signal',
  ] as const;
  const numbers = left.map((name) => syscalls[name][0]);
  const spared = numbers.map((n) => `(i32.eq (local.get $nr) (i32.const ${n}))`).reduce((a, b) => `(i32.or ${a} ${b})`);
  /** Random by xorshift: small numbers, addresses in memory, at its end, anywhere. */
  const random = `(func $random (result i32)
    (global.set $x (i32.xor (global.get $x) (i32.shl (global.get $x) (i32.const 13))))
    (global.set $x (i32.xor (global.get $x) (i32.shr_u (global.get $x) (i32.const 17))))
    (global.set $x (i32.xor (global.get $x) (i32.shl (global.get $x) (i32.const 5))))
    (global.get $x))
  (func $argument (result i64) (local $kind i32) (local $value i32)
    (local.set $kind (i32.and (call $random) (i32.const 7)))
    (local.set $value (call $random))
    (if (i32.lt_u (local.get $kind) (i32.const 3)) (then (return (i64.extend_i32_u (i32.and (local.get $value) (i32.const 15))))))
    (if (i32.lt_u (local.get $kind) (i32.const 5)) (then (return (i64.extend_i32_u (i32.and (local.get $value) (i32.const 0x1ffff))))))
    (if (i32.eq (local.get $kind) (i32.const 5)) (then (return (i64.extend_i32_u (i32.sub (i32.const 131072) (i32.and (local.get $value) (i32.const 255)))))))
    (if (i32.eq (local.get $kind) (i32.const 6)) (then (return (i64.extend_i32_s (local.get $value)))))
    (i64.or (i64.shl (i64.extend_i32_u (call $random)) (i64.const 32)) (i64.extend_i32_u (local.get $value))))`;
  const program = (
    seed: number,
    calls: number,
  ) => `${CALL} ${MEMORY} (global $x (mut i32) (i32.const ${seed})) ${random}
    ${start(`(local $i i32) (local $nr i32) (local $at i32)
      (loop $next
        (local.set $at (i32.const 65536))
        (loop $args
          (i64.store (local.get $at) (call $argument))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $args (i32.lt_u (local.get $at) (i32.const 65584))))
        (local.set $nr (i32.rem_u (call $random) (i32.const 470)))
        (if (i32.eqz ${spared}) (then (drop (call $call (i32.const 0) (local.get $nr) (i32.const 65536)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const ${calls}))))`)}`;

  it('end nobody but the program that makes them', async () => {
    const seeds = Array.from({ length: 12 }, (_, i) => 7919 * (i + 1));
    for (const seed of seeds) {
      const kernel = await programKernel({ hostile: moduleOf(program(seed, 2000)) });
      const nobody = await kernel.spawn();
      await nobody.syscall('setresuid', 65_534, 65_534, 65_534);
      const goOn = nobody.pause();
      // What waits for ever is ended: by the kernel's own time, so that it is the same each time.
      const end = answer(kernel, ['hostile'], {
        parent: nobody,
        started: ({ kill }) =>
          void kernel.engine
            .pass(2e9)
            .then(() => kill(9))
            .catch(() => {}),
      });
      expect(await end).toBeDefined();
      goOn();
      expect((await answer(kernel, ['probe', 'start'])).exitCode).toBe(7);
      kernel.kill();
    }
  });
});
