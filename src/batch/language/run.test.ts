import { describe, expect, it } from 'vitest';
import { type ScriptedTask, type SeenCall, scriptedTask } from '../../../test/fakes/scripted-task.ts';
import { TaskExited } from '../../kernel/errors.ts';
import { Mistake } from './mistake.ts';
import { type ListOptions, runList, type Stopped } from './run.ts';
import type { BatchCall, CallResult } from './types.ts';
import { Refs } from './values/refs.ts';

const options: ListOptions = { limitBytes: 1 << 17, nowNs: () => 0n, onError: 'continue' };

async function run(task: ScriptedTask, calls: BatchCall[], more: Partial<ListOptions> = {}) {
  const results: CallResult[] = [];
  const list = runList(task, calls, { ...options, ...more });
  for (;;) {
    const { value, done } = await list.next();
    if (done) return { results, stopped: value as Stopped | undefined };
    results.push(value);
  }
}

async function mistake(calls: BatchCall[], kernel: (call: SeenCall) => number | undefined = () => 0) {
  const task = scriptedTask(kernel);
  const failure = await run(task, calls).catch((cause: unknown) => cause);
  if (!(failure instanceof Mistake)) throw new Error('no mistake');
  return { code: failure.code, path: failure.path, called: task.seen.length };
}

/** A file system that knows one file, /x/f. */
function oneFile({ call, args, bytes, string }: SeenCall): number | undefined {
  if (call === 'getpid') return 1;
  if (call === 'openat') return string(args[1]) === '/x/f' ? 3 : -2;
  if (call === 'write') return Number(args[2]);
  if (call === 'pread64') {
    bytes(args[1], 5).set(new TextEncoder().encode('hello'));
    return 5;
  }
  if (call === 'fstatat64') {
    const stat = new DataView(bytes(args[2], 104).buffer, Number(args[2]));
    stat.setUint32(16, 0o100644, true);
    stat.setBigInt64(48, 5n, true);
  }
  return undefined;
}

describe('a batch', () => {
  it('answers in the documented shape', async () => {
    const task = scriptedTask(oneFile);
    const { results } = await run(task, [
      { call: 'getpid' },
      { call: 'mkdir', args: ['/x', 448] },
      { call: 'openat', args: ['AT_FDCWD', '/x/f', 'O_RDWR|O_CREAT', 420], as: 'fd' },
      { call: 'write', args: [{ ref: 'fd' }, { utf8: 'hello' }, 5] },
      { call: 'pread64', args: [{ ref: 'fd' }, { out: 16 }, 16, 0] },
      { call: 'openat', args: ['AT_FDCWD', '/nope', 'O_RDONLY'] },
      { call: 'newfstatat', args: ['AT_FDCWD', '/x/f', { out: 'stat' }, 0] },
    ]);
    expect(results.slice(0, 4)).toEqual([{ ret: 1 }, { ret: 0 }, { ret: 3 }, { ret: 5 }]);
    expect(results[4]).toEqual({ ret: 5, out: { utf8: 'hello', base64: 'aGVsbG8=' } });
    expect(results[5]).toEqual({ ret: -2, errno: 'ENOENT' });
    expect(results[6]).toMatchObject({ ret: 0, out: { st_size: 5, st_mode: 33188 } });
    expect(task.seen.map(({ call }) => call)).toEqual([
      'getpid',
      'mkdirat',
      'openat',
      'write',
      'pread64',
      'openat',
      'fstatat64',
    ]);
    expect(task.seen[1]?.args.slice(0, 1)).toEqual([-100n]);
    expect(task.seen[2]?.args.slice(2)).toEqual([66n, 420]);
    expect(task.seen[3]?.args[0]).toBe(3);
  });

  it('shows no more than the call produced, and nothing of a failed one', async () => {
    const task = scriptedTask(({ call, args, bytes }) => {
      bytes(args[1], 8).fill(0x41);
      return call === 'read' ? 3 : -11;
    });
    const { results } = await run(task, [
      { call: 'read', args: [0, { out: 8 }, 8] },
      { call: 'pread64', args: [0, { out: 8 }, 8, 0] },
    ]);
    expect(results).toEqual([
      { ret: 3, out: { utf8: 'AAA', base64: 'QUFB' } },
      { ret: -11, errno: 'EAGAIN' },
    ]);
  });

  it('gives each call fresh memory: what one wrote is not what the next one reads', async () => {
    let calls = 0;
    const task = scriptedTask(({ args, bytes }) => {
      if (calls++ === 0) bytes(args[1], 8).fill(0x41);
      return 8;
    });
    const read: BatchCall = { call: 'read', args: [0, { out: 8, type: 'bytes' }, 8] };
    const { results } = await run(task, [read, read]);
    expect(results[0]?.out).toEqual({ utf8: 'AAAAAAAA', base64: 'QUFBQUFBQUE=' });
    expect(results[1]?.out).toEqual({ utf8: '\0'.repeat(8), base64: 'AAAAAAAAAAA=' });
  });

  it('shows bytes that are not UTF-8 as base64 alone', async () => {
    const task = scriptedTask(({ args, bytes }) => {
      bytes(args[0], 2).set([0xff, 0xfe]);
      return 2;
    });
    const { results } = await run(task, [{ call: 'getrandom', args: [{ out: 2 }, 2, 0] }]);
    expect(results[0]?.out).toEqual({ base64: '//4=' });
  });

  it('names several outputs by their arguments', async () => {
    const task = scriptedTask(({ args, bytes }) => {
      // A sockaddr_in of 10.0.0.1:80 and its length.
      bytes(args[1], 16).set([2, 0, 0, 80, 10, 0, 0, 1]);
      bytes(args[2], 4).set([16, 0, 0, 0]);
      return 7;
    });
    const { results } = await run(task, [{ call: 'accept', args: [3, { out: 'sockaddr_in' }, [16]] }]);
    expect(results[0]).toEqual({
      ret: 7,
      out: {
        upeer_sockaddr: { sin_family: 'AF_INET', sin_port: 80, sin_addr: '10.0.0.1' },
        upeer_addrlen: 16,
      },
    });
  });

  it('lets calls refer to results: ret, fields of out, elements, bytes', async () => {
    const task = scriptedTask(({ call, args, bytes, string }) => {
      if (call === 'pipe2') bytes(args[0], 8).set([5, 0, 0, 0, 6, 0, 0, 0]);
      if (call === 'readlinkat') {
        bytes(args[2], 4).set(new TextEncoder().encode('/to/'));
        return 4;
      }
      if (call === 'chdir') return string(args[0]) === '/to/' ? 0 : -2;
      if (call === 'statx') bytes(args[4], 256)[40] = 5; // stx_size
      return undefined;
    });
    const { results } = await run(task, [
      { call: 'pipe', args: [{ out: 'int[2]' }], as: 'p' },
      { call: 'close', args: [{ ref: 'p.1' }] },
      { call: 'close', args: [{ ref: 'p.out.0' }] },
      { call: 'fstat', args: [{ ref: 'p.0' }, { out: 'stat' }], as: 'st' },
      { call: 'ftruncate', args: [5, { ref: 'st.st_size' }] },
      { call: 'readlink', args: ['/l', { out: 64 }, 64], as: 'link' },
      { call: 'chdir', args: [{ ref: 'link.out' }] },
    ]);
    expect(results[0]?.out).toEqual([5, 6]);
    expect(task.seen[1]?.args[0]).toBe(6);
    expect(task.seen[2]?.args[0]).toBe(5);
    expect(task.seen[4]?.args).toEqual([5, 5]);
    expect(results[6]).toEqual({ ret: 0 });
  });

  it('fills the buffers of an iovec in turn', async () => {
    const task = scriptedTask(({ args, bytes }) => {
      const vector = new DataView(bytes(args[1], 16).buffer, Number(args[1]), 16);
      expect([vector.getUint32(4, true), vector.getUint32(12, true)]).toEqual([3, 10]);
      bytes(vector.getUint32(0, true), 3).set([1, 2, 3]);
      bytes(vector.getUint32(8, true), 2).set([0x61, 0x62]);
      return 5;
    });
    const { results } = await run(task, [{ call: 'readv', args: [0, [{ out: 3 }, { out: 10 }], 2] }]);
    expect(results[0]?.out).toEqual([
      { utf8: '\x01\x02\x03', base64: 'AQID' },
      { utf8: 'ab', base64: 'YWI=' },
    ]);
  });

  it('maps memory for a call that scratch memory is too small for', async () => {
    const task = scriptedTask(({ args, bytes, call }) => {
      if (call === 'munmap') return 0;
      bytes(args[1], 70_000).fill(0x62);
      return 70_000;
    });
    const { results } = await run(task, [{ call: 'read', args: [0, { out: 70_000 }, 70_000] }]);
    expect(results[0]?.ret).toBe(70_000);
    expect(results[0]?.out).toMatchObject({ utf8: 'b'.repeat(70_000) });
    expect(task.seen.map(({ call }) => call)).toEqual(['mmap2', 'read', 'munmap']);
  });

  it('tells the virtual time that passed in a call', async () => {
    const times = [5n, 1_000_000_005n];
    const task = scriptedTask(() => 0);
    const { results } = await run(task, [{ call: 'nanosleep', args: [{ tv_sec: 1 }, null] }], {
      nowNs: () => times.shift() ?? 0n,
    });
    expect(results).toEqual([{ ret: 0, ns: 1_000_000_000 }]);
  });

  it('goes on after a failed call, or stops there when asked', async () => {
    const calls: BatchCall[] = [{ call: 'close', args: [9] }, { call: 'getpid' }];
    const kernel = ({ call }: SeenCall) => (call === 'close' ? -9 : 1);
    expect(await run(scriptedTask(kernel), calls)).toEqual({
      results: [{ ret: -9, errno: 'EBADF' }, { ret: 1 }],
      stopped: undefined,
    });
    expect(await run(scriptedTask(kernel), calls, { onError: 'stop' })).toEqual({
      results: [{ ret: -9, errno: 'EBADF' }],
      stopped: { index: 0, reason: 'error' },
    });
  });

  it('stops at a surprise, and not at a failure that was expected', async () => {
    const kernel = ({ call }: SeenCall) => (call === 'close' ? -9 : 1);
    const expected: BatchCall[] = [
      { call: 'close', args: [9], expect: 'EBADF' },
      { call: 'getpid', expect: 1 },
      { call: 'getppid', expect: 'success' },
    ];
    expect((await run(scriptedTask(kernel), expected, { onError: 'stop' })).stopped).toBeUndefined();
    expect(await run(scriptedTask(kernel), [{ call: 'getpid', expect: 2 }, { call: 'getpid' }])).toEqual({
      results: [{ ret: 1, unexpected: true }],
      stopped: { index: 0, reason: 'unexpected' },
    });
  });

  it('ends with the task', async () => {
    const task = scriptedTask(() => {
      throw new TaskExited(1, 3 << 8);
    });
    expect(await run(task, [{ call: 'exit', args: [3] }, { call: 'getpid' }], { strace: true })).toEqual({
      results: [{ ret: null, exited: { status: 768 }, strace: 'exit(3) = ?' }],
      stopped: { index: 0, reason: 'exited' },
    });
  });

  it('takes calls as they come', async () => {
    const task = scriptedTask(() => 1);
    async function* two() {
      yield { call: 'getpid' };
      expect(task.seen).toHaveLength(1);
      yield { call: 'getuid' };
    }
    const seen: CallResult[] = [];
    for await (const result of runList(task, two(), options)) seen.push(result);
    expect(seen).toEqual([{ ret: 1 }, { ret: 1 }]);
  });

  it('shares names between lists that share their references', async () => {
    const refs = new Refs();
    const task = scriptedTask(() => 4);
    await run(task, [{ call: 'socket', args: ['AF_INET', 'SOCK_STREAM', 0], as: 's' }], { refs });
    await run(task, [{ call: 'close', args: [{ ref: 's' }] }], { refs });
    expect(task.seen[1]?.args).toEqual([4]);
  });
});

describe('a mistake names what and where, before anything is called', () => {
  const cases: [string, BatchCall[], string, string][] = [
    ['a call that Linux does not have', [{ call: 'getpidd' }], 'unknown-call', '/0/call'],
    ['a name from Object.prototype', [{ call: 'toString' }], 'unknown-call', '/0/call'],
    ['an unknown flag', [{ call: 'open', args: ['/', 'O_RDONLY|O_NOPE'] }], 'unknown-word', '/0/args/1'],
    [
      'a flag of another argument',
      [{ call: 'openat', args: ['AT_FDCWD', '/', 'SIGTERM'] }],
      'unknown-word',
      '/0/args/2',
    ],
    ['a name that nothing has', [{ call: 'close', args: [{ ref: 'fd' }] }], 'bad-ref', '/0/args/0/ref'],
    [
      'a name inside a struct',
      [{ call: 'nanosleep', args: [{ tv_sec: { ref: 'x.y' } }, null] }],
      'bad-ref',
      '/0/args/0/tv_sec/ref',
    ],
    ['a string for a number', [{ call: 'close', args: ['/etc'] }], 'unknown-word', '/0/args/0'],
    ['a fraction', [{ call: 'close', args: [1.5] }], 'wrong-type', '/0/args/0'],
    ['an object for a number', [{ call: 'close', args: [{ utf8: 'x' }] }], 'wrong-type', '/0/args/0'],
    ['a boolean', [{ call: 'close', args: [true] }], 'wrong-type', '/0/args/0'],
    ['more than 64 bits', [{ call: 'lseek', args: [0, '0x10000000000000000', 0] }], 'out-of-range', '/0/args/1'],
    ['too many arguments', [{ call: 'close', args: [1, 2] }], 'too-many-args', '/0/args/1'],
    ['too many for an old name', [{ call: 'rmdir', args: ['/a', 0] }], 'too-many-args', '/0/args/1'],
    ['a count beyond the buffer', [{ call: 'read', args: [0, { out: 4 }, 100] }], 'buffer-too-small', '/0/args/1'],
    ['a count beyond the data', [{ call: 'write', args: [1, { utf8: 'hi' }, 4] }], 'buffer-too-small', '/0/args/1'],
    ['a buffer too small for a struct', [{ call: 'uname', args: [{ out: 16 }] }], 'buffer-too-small', '/0/args/0'],
    [
      'a length in memory beyond the buffer',
      [{ call: 'getsockname', args: [3, { out: 16 }, [128]] }],
      'buffer-too-small',
      '/0/args/1',
    ],
    [
      'too few elements',
      [{ call: 'epoll_wait', args: [3, { out: 'epoll_event[2]' }, 3, 0] }],
      'buffer-too-small',
      '/0/args/1',
    ],
    [
      'an iovec longer than its buffer',
      [{ call: 'readv', args: [0, [{ iov_base: { out: 4 }, iov_len: 5 }], 1] }],
      'buffer-too-small',
      '/0/args/1/0/iov_len',
    ],
    ['a buffer over the limit', [{ call: 'read', args: [0, { out: 1 << 20 }, 1] }], 'over-limit', '/0/args/1'],
    ['a negative size', [{ call: 'read', args: [0, { out: -1 }, 1] }], 'out-of-range', '/0/args/1/out'],
    ['an unknown struct', [{ call: 'fstat', args: [0, { out: 'statt' }] }], 'unknown-struct', '/0/args/1/out'],
    [
      'another struct than the call has',
      [{ call: 'fstat', args: [0, { out: 'utsname' }] }],
      'wrong-type',
      '/0/args/1/out',
    ],
    ['an unknown field', [{ call: 'nanosleep', args: [{ tv_usec: 1 }, null] }], 'unknown-field', '/0/args/0/tv_usec'],
    [
      'a number that does not fit its field',
      [{ call: 'bind', args: [3, { sin_port: 70000 }, 16] }],
      'out-of-range',
      '/0/args/1/sin_port',
    ],
    ['no address', [{ call: 'bind', args: [3, { sin_addr: '10.0.0.256' }, 16] }], 'wrong-type', '/0/args/1/sin_addr'],
    [
      'a text too long for its field',
      [{ call: 'ioctl', args: [3, 'SIOCGIFFLAGS', { struct: 'ifreq', ifr_name: 'x'.repeat(17) }] }],
      'out-of-range',
      '/0/args/2/ifr_name',
    ],
    ['a NUL in a path', [{ call: 'chdir', args: ['/a\0b'] }], 'wrong-type', '/0/args/0'],
    ['text that is no base64', [{ call: 'write', args: [1, { base64: '%' }, 0] }], 'wrong-type', '/0/args/1/base64'],
    ['text that is no hexadecimal', [{ call: 'write', args: [1, { hex: 'abc' }, 0] }], 'wrong-type', '/0/args/1/hex'],
    [
      'a signal that is none',
      [{ call: 'rt_sigprocmask', args: [0, ['SIGNOPE'], null, 8] }],
      'unknown-word',
      '/0/args/1/0',
    ],
    [
      'a descriptor beyond an fd_set',
      [{ call: 'select', args: [1, [1024], null, null, null] }],
      'out-of-range',
      '/0/args/1/0',
    ],
  ];
  it.each(cases)('%s', async (_, calls, code, path) => {
    expect(await mistake(calls)).toEqual({ code, path, called: 0 });
  });

  it('the index is that of the call', async () => {
    expect(await mistake([{ call: 'getpid' }, { call: 'nope' }])).toEqual({
      code: 'unknown-call',
      path: '/1/call',
      called: 1,
    });
  });
});
