/** Programs of C on the real kernel: what each word of test/fixtures/programs answers, as on any Linux. */

import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/kernel/host.ts';
import { suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { host } from '../kernel.ts';
import { answer, programKernel } from './kit.ts';

/** Lines of a program that is known to end well, on a kernel of its own. */
async function lines(...argv: [string, ...string[]]): Promise<string[]> {
  const { out, err, exitCode, signal } = await answer(await programKernel(), argv);
  expect({ err, exitCode, signal }).toEqual({ err: '', exitCode: 0, signal: undefined });
  return out.trimEnd().split('\n');
}

describe('a program', () => {
  it('begins with arguments, environment and an auxiliary vector, which /proc shows too', async () => {
    const env = ['A=b', 'ÄÖ=ü'];
    const { out, exitCode } = await answer(await programKernel(), ['probe', 'start', 'x', ''], { env });
    expect(exitCode).toBe(7);
    expect(out.split('\n')).toEqual([
      'argv[0]: start',
      'argv[1]: x',
      'argv[2]: ',
      'env: A=b',
      'env: ÄÖ=ü',
      'execfn /bin/probe, page 4096, uid 0, secure 0, random yes',
      'cmdline: probe|start|x||',
      'environ: A=b|ÄÖ=ü|',
      'comm: probe',
      '',
      'exe: /bin/probe',
      '3.141592653589793',
      '',
    ]);
  });

  it('reads what it is given and writes what is asked for, however much', async () => {
    const kernel = await programKernel();
    const pieces = Array.from({ length: 40 }, (_, i) => new Uint8Array(33_333).fill(65 + (i % 26)));
    const given = pieces.map((piece) => new TextDecoder().decode(piece)).join('');
    const { out, exitCode } = await answer(kernel, ['probe', 'cat'], { stdin: async () => pieces.shift() });
    expect(exitCode).toBe(0);
    expect(out === given).toBe(true);
    expect(kernel.programs.memoryBytes).toBe(0);
  });

  it.each(['writes to it', 'reads from it'])(
    'goes on with whoever %s and takes his time, and no clock leaps',
    async (who) => {
      const late = Promise.withResolvers<void>();
      let timers = 0;
      // By then a kernel that did not wait would have found that nothing happens any more.
      const timer: Host['timer'] = (_ms, then) => {
        if (++timers === 5) late.resolve();
        return host.timer(0, then);
      };
      const kernel = await programKernel({}, { ...host, timer });
      const beganNs = kernel.engine.clock.nowNs;
      const [given, heard]: [Uint8Array[], Uint8Array[]] = [[new Uint8Array(200_000).fill(65)], []];
      const { exitCode } = await answer(kernel, ['probe', 'cat'], {
        stdin: async () => {
          if (who === 'writes to it') await late.promise;
          return given.shift();
        },
        stdout: async (bytes) => {
          heard.push(bytes);
          if (who === 'reads from it') await late.promise;
        },
      });
      expect(exitCode).toBe(0);
      expect(heard.reduce((sum, { length }) => sum + length, 0)).toBe(200_000);
      expect(kernel.engine.clock.nowNs - beganNs).toBeLessThan(3600e9);
      kernel.kill();
    },
  );

  it('that is not there, or is none, is an error in the words of exec', async () => {
    const kernel = await programKernel();
    await expect(answer(kernel, ['nothing'])).rejects.toThrow('execve /bin/nothing: no such file or directory');
    await expect(answer(kernel, ['probe'], { path: '/proc/version' })).rejects.toThrow('EACCES');
    await expect(answer(kernel, ['probe', 'x'.repeat(140_000)])).rejects.toThrow('E2BIG');
    await expect(answer(kernel, ['probe', 'nul\0'])).rejects.toThrow('EINVAL');
    await expect(answer(kernel, ['probe'], { cwd: '/nowhere' })).rejects.toThrow('chdir /nowhere');
    expect((await answer(kernel, ['probe', 'start'])).exitCode).toBe(7);
    expect(kernel.programs.running).toEqual([]);
  });
});

describe('a terminal', () => {
  it("is a program's when it is asked for: echo, lines, a size, the keys that end things", async () => {
    const kernel = await programKernel();
    const typed = ['one\n', 'two\n'].map((text) => new TextEncoder().encode(text));
    const terminal = { columns: 100, rows: 30 };
    const cat = await answer(kernel, ['probe', 'cat'], { terminal, stdin: () => typed.shift() });
    expect(cat).toEqual({ exitCode: 0, out: 'one\r\ntwo\r\none\r\ntwo\r\n', err: '' });
    const interrupt = [new Uint8Array([3])];
    const hang = await answer(kernel, ['probe', 'hang'], { terminal, stdin: () => interrupt.shift() });
    expect(hang).toMatchObject({ signal: 2 });
    expect(await answer(kernel, ['probe', 'start'], { terminal })).toMatchObject({ exitCode: 7 });
  });
});

describe('memory', () => {
  it('is mapped, unmapped, moved and refused as mmap(2) has it', async () => {
    expect(await lines('probe', 'memory')).toEqual([
      'zero: 1',
      'munmap: 0',
      expect.stringMatching(/^again there: [01], zero: 1$/),
      'mremap: 1, zero: 1',
      'madvise: 0',
      'zero: 1, rest: 2',
      'mprotect: 0',
      'not a page: -1 EINVAL',
      'file: what is in the file, zero: 1',
      'shared: -1 ENODEV',
      'shared anonymous: -1 ENODEV',
      'too much: -1 ENOMEM',
      'malloc: 0 1',
      'total 67108864, some free: 1',
    ]);
  });

  it('is that of the program alone: a pointer to elsewhere is EFAULT', async () => {
    expect(await lines('probe', 'pointers')).toEqual([
      'NULL: -1 EFAULT',
      'near NULL: -1 EFAULT',
      'wild: -1 EFAULT',
      'the last byte: 1',
      'behind the last: -1 EFAULT',
      'wraps: -1 EFAULT',
      'a path: -1 EFAULT',
      'a path without end: -1 EFAULT',
      'a struct: -1 EFAULT',
      'from NULL: -1 EFAULT',
      'over the end: -1 EFAULT',
      'a vector: 4',
      'a message: -1 EFAULT',
      "a descriptor's name: -1 EFAULT",
      'arguments: -1 EFAULT',
      'right: 0',
    ]);
  });

  it('of all programs together has a limit', async () => {
    const kernel = await programKernel();
    kernel.programs.memoryLimit = 1 << 20;
    await expect(answer(kernel, ['probe', 'start'])).rejects.toThrow('execve /bin/probe: cannot allocate memory');
    kernel.programs.memoryLimit = 2 << 20;
    expect(await answer(kernel, ['probe', 'start'])).toMatchObject({ exitCode: 7 });
    expect(await answer(kernel, ['probe', 'processes', '1'])).toMatchObject({ exitCode: 1 });
    kernel.programs.memoryLimit = 6 << 20;
    expect(await answer(kernel, ['probe', 'processes', '50'])).toMatchObject({ exitCode: 0 });
  });

  it('cannot be shared with the kernel: rings are refused, direct I/O goes through the page cache', async () => {
    expect(await lines('probe', 'refused')).toEqual([
      'write: 4096',
      'read: 4096',
      'same: 1, flag: 0',
      'fcntl: 0',
      'io_setup: -1 ENOSYS',
      'io_uring_setup: -1 ENOSYS',
      'clone3: -1 ENOSYS',
      'clone: -1 ENOSYS',
      'vmsplice: -1 EFAULT',
      'no such call: -1 ENOSYS',
      'a negative call: -1 ENOSYS',
    ]);
  });
});

describe('signals', () => {
  it('interrupt calls or do not, nest, are blocked while handled and not afterwards, and can be jumped out of', async () => {
    const { out, signal } = await answer(await programKernel(), ['probe', 'signals']);
    expect(signal).toBe(13);
    expect(out.trimEnd().split('\n')).toEqual([
      'pause: -1 EINTR',
      'a long sleep: -1 EINTR',
      'left: 8, alarms 2',
      'users 2, blocked 0',
      'deepest 3, blocked 0',
      'a read that goes on: 4',
      'late',
      'a read that does not: -1 EINTR',
      'poll, whatever the flag: -1 EINTR',
      "before: ''",
      "the last first: '21', blocked 00",
      'sigsuspend: -1 EINTR',
      "'211', blocked 11",
      'jumped, blocked 0',
      'nobody reads: -1 EPIPE',
    ]);
  });

  it.each([
    ['trap', { signal: 4 }],
    ['abort', { signal: 6 }],
    ['call', { signal: 11 }],
    ['0x7fffffff', { signal: 11 }],
  ])('end a program that cannot go on: %s', async (how, end) => {
    const kernel = await programKernel();
    expect(await answer(kernel, ['probe', 'crash', how])).toMatchObject(end);
    expect(kernel.programs.memoryBytes).toBe(0);
    expect((await answer(kernel, ['probe', 'start'])).exitCode).toBe(7);
  });

  it('end a program whose stack is full', async () => {
    expect(await answer(await programKernel(), ['probe', 'overflow'])).toMatchObject({ signal: 11 });
  });

  it('end a program that someone else wants to', async () => {
    const kernel = await programKernel();
    let kill: ((signal: number) => Promise<void>) | undefined;
    const end = await answer(kernel, ['probe', 'hang'], {
      started: (program) => {
        kill = program.kill;
      },
      stdout: () => void kill?.(15),
    });
    expect(end.signal).toBe(15);
    expect(kernel.programs.running).toEqual([]);
  });
});

describe('a kernel', () => {
  it('in which a program runs is not suspended, says which, and goes on', async () => {
    const kernel = await programKernel();
    const needs = { clean: () => new Uint8Array(), turn: () => kernel.engine.turn().then(() => {}) };
    const end = await answer(kernel, ['probe', 'hang'], {
      started: ({ pid, kill }) =>
        void expect(suspend(kernel, needs))
          .rejects.toThrow(`program probe (pid ${pid}) runs, and its stack cannot be saved`)
          .then(() => kill(9)),
    });
    expect(end).toMatchObject({ out: 'waiting\n', signal: 9 });
  });

  it('whose only program waits for nothing says so, by the name of that', async () => {
    const kernel = await programKernel();
    await expect(answer(kernel, ['probe', 'hang'])).rejects.toThrow(/task \d+ \(probe\) in ppoll/);
  });

  it('that dies takes its programs with it', async () => {
    const kernel = await programKernel();
    const end = answer(kernel, ['probe', 'hang'], { stdout: () => kernel.kill() });
    await expect(end).rejects.toThrow('the kernel was stopped');
    await kernel.gone;
  });
});

describe('processes', () => {
  it('spawn, fork without a copy, execute, wait, and name scripts', async () => {
    const { out, exitCode } = await answer(await programKernel(), ['probe', 'processes']);
    expect(exitCode).toBe(7);
    expect(out.trimEnd().split('\n')).toEqual([
      'posix_spawn: 0',
      'through two pipes, exit 0',
      'nothing there: ENOENT',
      expect.stringMatching(/^vfork: local [12], end 1006$/),
      'vfork and exit: 9',
      'vfork and kill: 1009',
      'no more children: -1 ECHILD',
      'a name nobody knows: -1 ENOENT',
      'a line without end: -1 ENOEXEC',
      'not executable: -1 EACCES',
      'argv[0]: start',
      'argv[1]: /tmp/script',
      'argv[2]: of the script',
      'env: ONLY=this',
      'execfn /tmp/script, page 4096, uid 0, secure 0, random yes',
      'cmdline: /bin/probe|start|/tmp/script|of the script|',
      'environ: ONLY=this|',
      'comm: script',
      '',
      'exe: /bin/probe',
      '3.141592653589793',
    ]);
  });

  it('take no time of the kernel to be made: 100 of them are in the same second', async () => {
    expect(await lines('probe', 'processes', '100')).toEqual(['seconds: 0']);
  });

  it('fork for real when they were made for it, and say that they cannot when not', async () => {
    expect(await lines('probe-fork', 'forks')).toEqual([
      'child: counter 11, local 7, exit 21',
      'parent: counter 10, local 6',
      'sum 20, exits 6',
    ]);
    const { out, exitCode } = await answer(await programKernel(), ['probe', 'forks']);
    expect([out, exitCode]).toEqual(['fork: ENOSYS\n', 1]);
  });

  it('have threads, which end with them or when one of them executes another program', async () => {
    const kernel = await programKernel();
    for (const [argv, exitCode] of [
      [['probe', 'threads'], 5],
      [['probe', 'threads', 'exec'], 0],
    ] as const) {
      expect(await answer(kernel, [...argv])).toMatchObject({ out: 'sum 30, results 100\nsum 180\n', exitCode });
      expect(kernel.programs.memoryBytes).toBe(0);
    }
  });

  it('have a terminal, whose interrupt key is a signal', async () => {
    expect(await lines('probe', 'terminal')).toEqual([
      'a terminal: 1, /dev/pts/0\r',
      'hello\r',
      'line of 6: hello\r',
      '^Cinterrupted\r',
      'exit 9',
    ]);
  });
});
