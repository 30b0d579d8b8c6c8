/** POST /v1/syscalls: calls in, what Linux answered out; what makes no sense is a problem that says where. */

import { describe, expect, it } from 'vitest';
import { SECTOR } from '../../src/storage/block-device.ts';
import { dosDisk } from '../fakes/disk.ts';
import { romfs } from '../fakes/romfs.ts';
import { fixtureDevice } from '../fixtures/load.ts';
import { request } from './harness.ts';

type Json = Record<string, unknown>;
interface Answer extends Json {
  readonly results: readonly Json[];
  readonly tasks?: Readonly<Record<string, Json & { readonly results: readonly Json[] }>>;
}

const send = (body: unknown) =>
  request('/v1/syscalls', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function run(body: Json): Promise<Answer> {
  const response = await send(body);
  const answer = (await response.json()) as Answer;
  expect(answer).toHaveProperty('results');
  expect(response.status).toBe(200);
  return answer;
}

async function problem(body: Json, status: number, members: Json): Promise<void> {
  const response = await send(body);
  expect(await response.json()).toMatchObject({ status, ...members });
  expect(response.status).toBe(status);
}

const call = (name: string, ...args: unknown[]) => ({ call: name, args });
const base64 = (bytes: Uint8Array) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
/** The image of test/fixtures, whole. */
async function ext4Bytes(): Promise<Uint8Array<ArrayBuffer>> {
  const device = await fixtureDevice('ext4');
  const bytes = new Uint8Array(device.sectors * SECTOR);
  await device.read(0, bytes);
  return bytes;
}
const text = (content: string) => new TextEncoder().encode(content);

describe('a batch', () => {
  it('answers the documented request as documented', async () => {
    const { results } = await run({
      calls: [
        { call: 'getpid' },
        { call: 'mkdir', args: ['/x', 448] },
        { call: 'openat', args: ['AT_FDCWD', '/x/f', 'O_RDWR|O_CREAT', 420], as: 'fd' },
        { call: 'write', args: [{ ref: 'fd' }, { utf8: 'hello' }, 5] },
        { call: 'pread64', args: [{ ref: 'fd' }, { out: 16 }, 16, 0] },
        { call: 'openat', args: ['AT_FDCWD', '/nope', 'O_RDONLY'] },
        { call: 'newfstatat', args: ['AT_FDCWD', '/x/f', { out: 'stat' }, 0] },
      ],
    });
    expect(results).toMatchObject([
      { ret: 1 },
      { ret: 0 },
      { ret: 0 },
      { ret: 5 },
      { ret: 5, out: { utf8: 'hello', base64: 'aGVsbG8=' } },
      { ret: -2, errno: 'ENOENT' },
      { ret: 0, out: { st_size: 5, st_mode: 33188 } },
    ]);
  });

  it('is looked through for unknown calls before the first is made', async () => {
    const tasks = { other: { calls: [call('getpid'), call('bogus')] } };
    const path = '/tasks/other/calls/1/call';
    await problem({ calls: [call('mkdir', '/y', 448)], tasks }, 422, { code: 'unknown-call', path, results: [] });
  });

  it('that breaks off tells what it did until then', async () => {
    const calls = [call('mkdir', '/y', 448), { ...call('stat', '/n', { out: 'stat' }), as: 'st' }];
    const bad = call('lseek', 0, { ref: 'st.st_size' }, 0);
    const results = [{ ret: 0 }, { errno: 'ENOENT' }];
    await problem({ calls: [...calls, bad] }, 422, {
      detail: expect.stringMatching(/the result named st has no st_size: the call failed with ENOENT$/),
      results,
    });
    const wait = { a: { calls: [call('getpid'), call('pause')] } };
    await problem({ calls, tasks: wait }, 422, { results, tasks: { a: { results: [{ ret: expect.any(Number) }] } } });
  });

  it('has so much in one answer', async () => {
    const reads = Array.from({ length: 5 }, () => call('read', { ref: 'fd' }, { out: 4_100_000 }, 4_100_000));
    const calls = [{ ...call('open', '/dev/zero', 'O_RDONLY', 0), as: 'fd' }, ...reads];
    await problem({ calls }, 422, { code: 'over-limit', path: '/calls/4' });
  });

  it('takes the words of libc in structs', async () => {
    const limit = { rlim_cur: 'RLIM_INFINITY', rlim_max: 'RLIM_INFINITY' };
    const now = { tv_sec: 0, tv_nsec: 'UTIME_NOW' };
    const { results } = await run({
      calls: [
        call('prlimit64', 0, 'RLIMIT_FSIZE', limit, { out: 'rlimit64' }),
        call('prlimit64', 0, 'RLIMIT_FSIZE', null, { out: 'rlimit64' }),
        call('utimensat', 'AT_FDCWD', '/tmp', [now, { ...now, tv_nsec: 'UTIME_OMIT' }], 0),
      ],
    });
    expect(results).toMatchObject([{ ret: 0 }, { out: { rlim_cur: '18446744073709551615' } }, { ret: 0 }]);
  });

  it('finds nothing of the one before it', async () => {
    await run({ calls: [call('mkdir', '/left', 448)] });
    expect((await run({ calls: [call('mkdir', '/left', 448)] })).results).toMatchObject([{ ret: 0 }]);
  });

  it('stops at the first error when told to, and at a surprise', async () => {
    const calls = [call('chdir', '/nope'), call('getpid')];
    expect(await run({ calls, on_error: 'stop' })).toMatchObject({
      results: [{ errno: 'ENOENT' }],
      stopped: { index: 0, reason: 'error' },
    });
    expect(await run({ calls: [{ call: 'getpid', expect: 2 }, call('getpid')] })).toMatchObject({
      results: [{ ret: 1, unexpected: true }],
      stopped: { index: 0, reason: 'unexpected' },
    });
    const expected = [{ ...call('chdir', '/nope'), expect: 'ENOENT' }, call('getpid')];
    expect((await run({ calls: expected, on_error: 'stop' })).results).toHaveLength(2);
  });

  it('takes calls by the names of 32-bit and of 64-bit kernels', async () => {
    const stat = (name: string) => call(name, 'AT_FDCWD', '/proc', { out: 'stat' }, 0);
    const seek = [
      { ...call('open', '/tmp/f', 'O_RDWR|O_CREAT', 420), as: 'fd' },
      call('lseek', { ref: 'fd' }, 7, 'SEEK_SET'),
    ];
    const now = (name: string) => call(name, 'CLOCK_MONOTONIC', { out: 'timespec' });
    const { results } = await run({
      calls: [
        stat('newfstatat'),
        stat('fstatat64'),
        ...seek,
        call('_llseek', { ref: 'fd' }, 0, 7, { out: 's64' }, 'SEEK_SET'),
        call('llseek', { ref: 'fd' }, 1, 0, { out: 's64' }, 'SEEK_SET'),
        now('clock_gettime'),
        now('clock_gettime64'),
      ],
    });
    expect(results[0]?.out).toEqual(results[1]?.out);
    expect(results.slice(3, 6)).toMatchObject([{ ret: 7 }, { ret: 0, out: 7 }, { ret: 0, out: 2 ** 32 }]);
    expect(results.slice(6)).toMatchObject([
      { ret: 0, out: { tv_sec: 30 } },
      { ret: 0, out: { tv_sec: 30 } },
    ]);
  });

  it('takes bytes in three forms, and lengths from earlier results', async () => {
    const { results } = await run({
      calls: [
        { ...call('open', '/tmp/f', 'O_RDWR|O_CREAT|O_APPEND', 420), as: 'fd' },
        call('write', { ref: 'fd' }, { utf8: 'a€' }, 4),
        call('write', { ref: 'fd' }, { base64: 'AP8=' }, 2),
        call('write', { ref: 'fd' }, { hex: '0d 0a' }, 2),
        { ...call('fstat', { ref: 'fd' }, { out: 'stat' }), as: 'stat' },
        call('pread64', { ref: 'fd' }, { out: { ref: 'stat.st_size' } }, { ref: 'stat.st_size' }, 0),
      ],
    });
    expect(results[5]).toEqual({ ret: 8, out: { base64: 'YeKCrAD/DQo=' }, ns: expect.any(Number) });
  });

  it('shows calls as strace does, when asked', async () => {
    const { results } = await run({ calls: [call('openat', 'AT_FDCWD', '/nope', 'O_RDONLY')], strace: true });
    expect(results[0]?.strace).toBe('openat(AT_FDCWD, "/nope", O_RDONLY) = -1 ENOENT (No such file or directory)');
  });

  it('sleeps in virtual time', async () => {
    const answer = await run({ calls: [call('nanosleep', { tv_sec: 3600, tv_nsec: 0 }, null)] });
    expect(answer.results[0]).toMatchObject({ ret: 0 });
    expect(answer.results[0]?.ns).toBeGreaterThanOrEqual(3600e9);
    expect(answer.clock_ns).toBeGreaterThanOrEqual(3600e9);
  });

  it('sleeps in real time on the wall clock', async () => {
    const started = Date.now();
    const { results } = await run({
      clock: 'wall',
      calls: [call('nanosleep', { tv_sec: 0, tv_nsec: 20_000_000 }, null)],
    });
    expect(results[0]).toMatchObject({ ret: 0 });
    expect(Date.now() - started).toBeGreaterThanOrEqual(19);
  });

  it('ends when pid 1 exits', async () => {
    expect(await run({ calls: [call('exit_group', 3), call('getpid')] })).toMatchObject({
      results: [{ ret: null, exited: { status: 0x300 } }],
      stopped: { index: 0, reason: 'exited' },
    });
  });
});

describe('a seed', () => {
  const calls = [
    call('getrandom', { out: 16 }, 16, 0),
    call('clock_gettime', 'CLOCK_REALTIME', { out: 'timespec' }),
    { ...call('openat', 'AT_FDCWD', '/proc/sys/kernel/random/boot_id', 'O_RDONLY'), as: 'fd' },
    call('read', { ref: 'fd' }, { out: 64 }, 64),
    call('socket', 'AF_INET', 'SOCK_STREAM', 0),
  ];

  it('makes every byte of the answer repeatable', async () => {
    const [first, second] = [await send({ calls, seed: 7 }), await send({ calls, seed: 7 })];
    expect(await second.text()).toBe(await first.text());
    expect((await run({ calls, seed: 'other' })).results[0]).not.toEqual((await run({ calls, seed: 7 })).results[0]);
  });

  it('is random when there is none', async () => {
    expect((await run({ calls })).results[0]).not.toEqual((await run({ calls })).results[0]);
  });
});

describe('the kernel of a batch', () => {
  it('has its loopback up, unless told otherwise', async () => {
    const calls = [
      { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'fd' },
      call('connect', { ref: 'fd' }, { struct: 'sockaddr_in', sin_addr: '127.0.0.1', sin_port: 9 }, 16),
    ];
    expect((await run({ calls })).results[1]).toMatchObject({ ret: 0 });
    expect((await run({ calls, network: { loopback: false } })).results[1]).toMatchObject({
      ret: -101,
      errno: 'ENETUNREACH',
    });
  });

  const read = (path: string) => [
    { ...call('openat', 'AT_FDCWD', path, 'O_RDONLY'), as: 'file' },
    call('read', { ref: 'file' }, { out: 256 }, 256),
  ];
  const contentOf = async (path: string, body: Json) =>
    ((await run({ ...body, calls: read(path) })).results[1]?.out as Json | undefined)?.utf8;

  it('has the settings asked for', async () => {
    expect(await contentOf('/proc/sys/net/ipv4/ip_default_ttl', { sysctl: { 'net.ipv4.ip_default_ttl': 33 } })).toBe(
      '33\n',
    );
    expect(await contentOf('/proc/sys/kernel/hostname', { cmdline: 'hostname=box' })).toBe('box\n');
    expect(await contentOf('/proc/sys/vm/swappiness', { cmdline: 'quiet sysctl.vm.swappiness=7' })).toBe('7\n');
  });

  it('refuses settings it cannot have', async () => {
    await problem({ sysctl: { 'net.nope': 1 } }, 422, { type: '/problems/bad-option', errno: 'ENOENT' });
    await problem({ cmdline: 'mem=64M' }, 422, { type: '/problems/bad-option', word: 'mem=64M' });
  });

  const image = romfs([['file', text('in the image')]]);

  it('has images mounted where they are to be', async () => {
    const mounts = [{ base64: base64(image), at: '/a/b', read_only: true }];
    expect(await contentOf('/a/b/file', { mounts })).toBe('in the image');
    const inPartition = [{ base64: base64(dosDisk(image)), at: '/mnt', partition: 1, type: 'romfs' }];
    expect(await contentOf('/mnt/file', { mounts: inPartition })).toBe('in the image');
  });

  it('has images of the storage, as they are or with writes that stay with it', async () => {
    const stored = await request('/v1/images/batch-image', { method: 'PUT', body: await ext4Bytes() });
    expect(stored.status).toBe(201);
    const write = [
      { ...call('open', '/mnt/new', 'O_WRONLY|O_CREAT', 420), as: 'new' },
      call('write', { ref: 'new' }, { utf8: 'kept' }, 4),
      call('umount', '/mnt'),
    ];
    const mounts = (read_only: boolean) => [{ image: 'batch-image', at: '/mnt', type: 'ext4', read_only }];
    const again = [
      call('close', { ref: 'new' }),
      call('umount', '/mnt'),
      call('mount', '/dev/vda', '/mnt', 'ext4', 0, null),
    ];
    const written = await run({ mounts: mounts(false), calls: [...write, ...again, ...read('/mnt/new')] });
    expect(written.results.map(({ errno }) => errno)).toEqual([undefined, undefined, 'EBUSY', ...Array(5)]);
    expect(written.results.at(-1)).toMatchObject({ out: { utf8: 'kept' } });
    expect((await run({ mounts: mounts(true), calls: write })).results[0]).toMatchObject({ errno: 'EROFS' });
    expect((await run({ mounts: mounts(false), calls: read('/mnt/new') })).results[0]).toMatchObject({
      errno: 'ENOENT',
    });
    expect((await request('/v1/images/batch-image', { method: 'DELETE' })).status).toBe(204);
  });

  it('has no more memory than asked for', async () => {
    const fill = Array.from({ length: 32 }, () => call('write', { ref: 'file' }, { ref: 'zeros' }, 2 ** 20));
    const calls = [
      { ...call('open', '/tmp/fill', 'O_WRONLY|O_CREAT', 420), as: 'file' },
      { ...call('mmap', null, 2 ** 20, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS', -1, 0), as: 'zeros' },
      ...fill,
    ];
    expect((await run({ calls, memory: 64 })).results.slice(2)).toEqual(
      fill.map(() => expect.objectContaining({ ret: 2 ** 20 })),
    );
    await problem({ calls, memory: 16 }, 422, { type: '/problems/program-oom', under_way: [{ call: 'write' }] });
  });

  it('is one of twenty at once, of which each gets its turn', async () => {
    const mounts = [{ base64: base64(image), at: '/mnt' }];
    const twenty = Array.from({ length: 20 }, () => contentOf('/mnt/file', { mounts, memory: 24 }));
    expect(await Promise.all(twenty)).toEqual(Array(20).fill('in the image'));
  });

  it('has an image as a disk alone, the last block of its file system whole', async () => {
    const content = await contentOf('/sys/block/vda/size', { mounts: [{ base64: base64(image) }] });
    expect(content).toBe(`${Math.ceil(image.length / 4096) * 8}\n`);
  });

  it('is refused with the reason when an image cannot be mounted', async () => {
    const empty = [{ base64: base64(new Uint8Array(65_536)), at: '/mnt' }];
    await problem({ mounts: empty }, 422, { type: '/problems/no-file-system' });
    await problem({ mounts: [{ image: 'no-such', at: '/mnt' }] }, 404, { type: '/problems/image-not-found' });
    await problem({ mounts: [{ at: '/mnt' }] }, 400, { type: '/problems/invalid-request' });
  });
});

describe('tasks', () => {
  it('are at both ends of a pipe', async () => {
    const { tasks } = await run({
      calls: [{ ...call('pipe2', { out: 'int[2]' }, 0), as: 'pipe' }],
      tasks: {
        reader: { calls: [call('read', { ref: 'pipe.0' }, { out: 16 }, 16)] },
        writer: {
          calls: [
            call('nanosleep', { tv_sec: 1, tv_nsec: 0 }, null),
            call('write', { ref: 'pipe.1' }, { utf8: 'through' }, 7),
          ],
        },
      },
    });
    expect(tasks?.reader?.results).toMatchObject([{ ret: 7, out: { utf8: 'through' } }]);
    expect(tasks?.writer?.results).toMatchObject([{ ret: 0 }, { ret: 7 }]);
  });

  it('accept and connect', async () => {
    const address = { struct: 'sockaddr_in', sin_addr: '127.0.0.1', sin_port: 80 };
    const { tasks } = await run({
      tasks: {
        client: {
          calls: [
            { ...call('socket', 'AF_INET', 'SOCK_STREAM', 0), as: 'c' },
            { ...call('connect', { ref: 'c' }, address, 16), after: 'listening' },
            call('sendto', { ref: 'c' }, { utf8: 'hello' }, 5, 0, null, 0),
          ],
        },
        server: {
          calls: [
            { ...call('socket', 'AF_INET', 'SOCK_STREAM', 0), as: 's' },
            call('bind', { ref: 's' }, address, 16),
            { ...call('listen', { ref: 's' }, 1), as: 'listening' },
            { ...call('accept4', { ref: 's' }, null, null, 0), as: 'conn' },
            call('recvfrom', { ref: 'conn' }, { out: 16 }, 5, 'MSG_WAITALL', null, null),
          ],
        },
      },
    });
    expect(tasks?.client?.results).toMatchObject([{}, { ret: 0 }, { ret: 5 }]);
    expect(tasks?.server?.results[4]).toMatchObject({ ret: 5, out: { utf8: 'hello' } });
  });

  it('share files or not, as their flags say', async () => {
    const opened = { calls: [{ ...call('openat', 'AT_FDCWD', '/tmp', 'O_RDONLY'), as: 'fd' }] };
    const both = { ...opened, calls: [...opened.calls, { ...call('getpid'), after: 'done' }] };
    const used = { ...call('fcntl', { ref: 'fd' }, 'F_GETFD'), after: 'fd' };
    const last = { calls: [used, { ...call('getpid'), as: 'done' }] };
    expect((await run({ tasks: { both, last } })).tasks?.last?.results[0]).toMatchObject({ ret: 0 });
    const apart = await run({ tasks: { both, last: { ...last, flags: '0' } } });
    expect(apart.tasks?.last?.results[0]).toMatchObject({ ret: -9, errno: 'EBADF' });
  });

  it('that all wait are a deadlock, which says where', async () => {
    await problem(
      {
        calls: [{ ...call('pipe2', { out: 'int[2]' }, 0), as: 'pipe' }],
        tasks: {
          one: { calls: [call('read', { ref: 'pipe.0' }, { out: 1 }, 1)] },
          two: { calls: [call('getpid'), call('read', { ref: 'pipe.0' }, { out: 1 }, 1)] },
        },
      },
      422,
      {
        type: '/problems/program-deadlock',
        under_way: [
          { task: 'one', index: 0, call: 'read' },
          { task: 'two', index: 1, call: 'read' },
        ],
      },
    );
  });
});

describe('tasks as clones', () => {
  it('are 64 at once', async () => {
    const named = Array.from({ length: 64 }, (_, i) => [`t${i}`, { calls: [call('gettid')], flags: '0' }]);
    const { tasks = {}, console } = await run({ tasks: Object.fromEntries(named), console: true });
    // What one answered that is odd says why.
    const odd = Object.entries(tasks).filter(([, { results }]) => !(Number(results[0]?.ret) > 1));
    expect({ odd, ...(odd.length > 0 && { console }) }).toEqual({ odd: [] });
    expect(Object.keys(tasks)).toEqual(named.map(([name]) => name));
    expect(new Set(Object.values(tasks).map(({ results }) => results[0]?.ret)).size).toBe(64);
  });

  it.each(['CLONE_VFORK|CLONE_VM', 'CLONE_PARENT', 'CLONE_THREAD', '-1', 'CLONE_PIDFD'])(
    'with %s are a mistake at their flags',
    async (flags) => {
      await problem({ tasks: { odd: { calls: [], flags } } }, 422, {
        type: '/problems/bad-call',
        path: '/tasks/odd/flags',
      });
    },
  );

  it('are told when Linux has no more, and which', async () => {
    const few = { sysctl: { 'kernel.threads-max': 20 }, tasks: { one: { calls: [] } } };
    await problem(few, 422, { path: '/tasks/one/flags', detail: expect.stringMatching(/EAGAIN/) });
  });

  it('have no prototype for a name', async () => {
    const response = await request('/v1/syscalls', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"tasks": {"__proto__": {"calls": []}}}',
    });
    expect(await response.json()).toMatchObject({ status: 400, errors: [{ path: 'tasks' }] });
  });

  it('that nobody plays hold a vfork up, and it is said', async () => {
    await problem({ calls: [call('vfork')] }, 422, { detail: expect.stringMatching(/the child of a vfork/) });
  });
});

describe('a request that makes no sense is a problem with its place', () => {
  it.each<[string, Json, string, string]>([
    ['an unknown call', call('frobnicate'), 'unknown-call', '/calls/1/call'],
    ['an unknown flag', call('openat', 'AT_FDCWD', '/', 'O_NOPE'), 'unknown-word', '/calls/1/args/2'],
    ['a reference to nothing', call('close', { ref: 'nobody' }), 'bad-ref', '/calls/1/args/0/ref'],
    ['a reference to a field that is not there', call('close', { ref: 'first.x' }), 'bad-ref', '/calls/1/args/0/ref'],
    ['text for a number', call('close', 'three'), 'unknown-word', '/calls/1/args/0'],
    ['an object for a number', call('close', { x: 1 }), 'wrong-type', '/calls/1/args/0'],
    ['a buffer that is too large', call('read', 0, { out: 1e9 }, 1), 'over-limit', '/calls/1/args/1'],
    ['a length above the buffer', call('read', 0, { out: 8 }, 9), 'buffer-too-small', '/calls/1/args/1'],
    ['one argument too many', call('close', 1, 2), 'too-many-args', '/calls/1/args/1'],
    ['an unknown field', call('nanosleep', { seconds: 1 }, null), 'unknown-field', '/calls/1/args/0/seconds'],
    ['waiting for what never comes', { ...call('getpid'), after: 'never' }, 'bad-ref', '/calls/1/after'],
  ])('%s', async (_, bad, code, path) => {
    await problem({ calls: [{ call: 'getpid', as: 'first' }, bad] }, 422, { type: '/problems/bad-call', code, path });
  });

  it('in a task too', async () => {
    const tasks = { worker: { calls: [call('nope')] } };
    await problem({ tasks }, 422, { code: 'unknown-call', path: '/tasks/worker/calls/0/call' });
    await problem({ tasks: { worker: { calls: [], flags: 'CLONE_NOPE' } } }, 422, { path: '/tasks/worker/flags' });
  });

  it.each<[string, unknown]>([
    ['no object', []],
    ['an unknown member', { call: [] }],
    ['a call without a name', { calls: [{ args: [] }] }],
    ['too little memory', { memory: 1 }],
    ['an unknown clock', { clock: 'sundial' }],
  ])('%s', async (_, body) => {
    const response = await send(body);
    expect(await response.json()).toMatchObject({ type: '/problems/invalid-request' });
    expect(response.status).toBe(400);
  });

  it('a pointer out of range is EFAULT', async () => {
    const { results } = await run({
      calls: [
        { ...call('openat', 'AT_FDCWD', '/tmp/f', 'O_RDWR|O_CREAT', 420), as: 'fd' },
        call('write', { ref: 'fd' }, 0xfffff000, 16),
        call('write', { ref: 'fd' }, 4096, 16),
        call('write', { ref: 'fd' }, null, 16),
      ],
    });
    expect(results.slice(1)).toMatchObject([{ errno: 'EFAULT' }, { errno: 'EFAULT' }, { errno: 'EFAULT' }]);
  });

  it('a call that never returns is interrupted at the deadline, and none is made after it', async () => {
    const calls = [call('getpid'), call('pause'), call('getpid')];
    const { results, stopped } = await run({ clock: 'wall', deadline_ms: 50, calls });
    expect(results).toMatchObject([{ ret: 1 }, { ret: -4, errno: 'EINTR' }]);
    expect(stopped).toEqual({ index: 1, reason: 'deadline' });
  });

  it('a call that cannot be interrupted is killed a second after the deadline', async () => {
    await problem({ clock: 'wall', deadline_ms: 50, calls: [call('getpid'), call('vfork')] }, 422, {
      type: '/problems/program-too-long',
      under_way: [{ index: 1, call: 'vfork' }],
    });
  });

  it('a call that waits for nothing is a deadlock, long before the deadline', async () => {
    await problem({ calls: [call('getpid'), call('pause')] }, 422, {
      type: '/problems/program-deadlock',
      under_way: [{ index: 1, call: 'pause' }],
    });
  });

  it('a call that kills the kernel is named', async () => {
    await problem({ calls: [call('getpid'), call('reboot', 0xfee1dead, 0x28121969, 0x01234567, 0)] }, 422, {
      type: '/problems/program-halt',
      under_way: [{ index: 1, call: 'reboot' }],
    });
  });
});

describe('lines', () => {
  const lines = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const stream = (body: BodyInit) =>
    request('/v1/syscalls', { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
  const parsed = (answer: string): Json[] =>
    answer
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('go in and come out', async () => {
    const answer = await stream(lines({ strace: true }, call('getpid'), call('chdir', '/nope')));
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(parsed(await answer.text())).toMatchObject([
      { ret: 1, strace: 'getpid() = 1' },
      { errno: 'ENOENT' },
      { end: { clock_ns: expect.any(Number) } },
    ]);
  });

  it('need no first line, nor a last newline', async () => {
    const answer = await stream(`${JSON.stringify(call('getpid'))}\n\n${JSON.stringify(call('getppid'))}`);
    expect(parsed(await answer.text())).toMatchObject([{ ret: 1 }, { ret: 0 }, { end: {} }]);
  });

  it('stream, a hundred thousand of them', async () => {
    const block = text(lines(call('getpid')).repeat(1000));
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ === 100) controller.close();
        else controller.enqueue(block);
      },
    });
    const answer = parsed(await (await stream(body)).text());
    expect(answer).toHaveLength(100_001);
    expect(answer.slice(0, -1).every(({ ret }) => ret === 1)).toBe(true);
  });

  it('are not read before what came of the lines before is taken', async () => {
    const block = text(lines(call('uname', { out: 'utsname' })).repeat(1000));
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (sent++ === 100) controller.close();
          else controller.enqueue(block);
        },
      },
      { highWaterMark: 0 },
    );
    const answer = await stream(body);
    const reader = answer.body?.getReader();
    await reader?.read();
    for (let looked = 0; looked < 50; looked++) await scheduler.wait(1);
    expect(sent).toBeLessThan(50);
    let bytes = 0;
    for (let chunk = await reader?.read(); chunk?.value; chunk = await reader?.read()) bytes += chunk.value.length;
    expect(sent).toBe(101);
    expect(bytes).toBeGreaterThan(100_000 * 100);
  });

  it('that make no sense at the start are a problem', async () => {
    const answer = await stream('{"call": "getpid"\n');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      detail: expect.stringMatching(/^line 1 is not JSON: .* at line 1, column \d+$/),
    });
    expect((await stream(lines(call('nope')))).status).toBe(422);
  });

  it('that make no sense later end the answer with a problem, and break it off', async () => {
    const many = lines(call('getpid')).repeat(10_000);
    const answer = await stream(many + lines(call('nope')));
    const decoder = new TextDecoder();
    let got = '';
    const read = async () => {
      for await (const chunk of answer.body ?? []) got += decoder.decode(chunk, { stream: true });
    };
    await expect(read()).rejects.toThrow();
    expect(parsed(got).at(-1)).toMatchObject({ problem: { status: 422, path: '/calls/10000/call' } });
  });
});

describe('GET /v1/syscalls', () => {
  it('tells every call that may be made', async () => {
    const response = await request('/v1/syscalls');
    const table = (await response.json()) as { readonly calls: readonly Json[]; readonly structs: readonly Json[] };
    expect(table.calls.length).toBeGreaterThan(300);
    expect(table.calls.find(({ name }) => name === 'openat')).toMatchObject({ number: 56, aliases: ['open', 'creat'] });
    expect(table.structs.map(({ name }) => name)).toContain('sockaddr_in');
  });
});
