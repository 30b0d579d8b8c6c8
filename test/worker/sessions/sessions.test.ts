/** /v1/sessions: a kernel that stays between requests, whatever happens to the host; and ends with a report. */

import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { readmeExample } from '../../../src/simulation/hijack/hijack-example.ts';
import type { SessionIndexRpc } from '../../../src/worker/session/rpc.ts';
import { romfs } from '../../fakes/romfs.ts';
import { ORIGIN, request } from '../harness.ts';
import { at, call, create, destroy, expectStatus, type Json, json, run, suspend } from './session-client.ts';

const base64 = (bytes: Uint8Array) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));

describe("LKL's hijack object", () => {
  const notesOf = (session: Json) => session.hijack as readonly { key: string; kind: string; message: string }[];

  it('sets up the kernel of a session: the example of its README', async () => {
    const options = {
      hijack: { ...readmeExample, boot_cmdline: 'ip=dhcp loglevel=5', mount: 'proc', nameserver: '::1' },
    };
    const session = await expectStatus(await request('/v1/sessions', json('POST', options)), 201);
    const id = String(session.id);
    expect(new Set(notesOf(session).map(({ key }) => key.replace(/\[\d+\].*/, '')))).toEqual(
      new Set([...Object.keys(readmeExample), 'mount', 'nameserver']),
    );
    expect(notesOf(session)).toContainEqual({
      key: 'boot_cmdline',
      kind: 'warning',
      message: expect.stringMatching(/^ip=dhcp: /),
    });
    const read = async (path: string) => (await request(at(id, `/files${path}`), json('GET'))).text();
    expect(await read('/etc/resolv.conf')).toBe('nameserver ::1\n');
    expect(await read('/proc/sys/net/ipv4/tcp_wmem')).toBe('4096\t87380\t2147483647\n');
    expect(await read('/proc/sys/kernel/printk')).toMatch(/^5\t/);
    expect(await read('/sys/class/net/eth1/address')).toBe('12:34:56:78:9a:bd\n');
    expect(await read('/proc/net/route')).toMatch(/^eth0\t00000000\t0100A8C0\t/m);
    const { results } = await run(id, {
      calls: [
        { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'fd' },
        call('bind', { ref: 'fd' }, { struct: 'sockaddr_in', sin_family: 'AF_INET', sin_addr: '192.168.1.2' }, 16),
      ],
    });
    expect(results).toMatchObject([{}, { ret: 0 }]);
    await suspend(id);
    expect(notesOf(await expectStatus(await request(at(id), json('GET')), 200))).toEqual(notesOf(session));
    await destroy(id);
  });

  it('with a key that LKL does not know makes no session', async () => {
    const problem = await expectStatus(await request('/v1/sessions', json('POST', { hijack: { sysctls: '' } })), 422);
    expect(problem).toMatchObject({ errors: [{ path: 'hijack.sysctls', message: 'unexpected key in json sysctls' }] });
  });
});

describe('a session', () => {
  it('keeps open files between requests, and across being suspended', async () => {
    const id = await create();
    const opened = await run(id, {
      calls: [call('open', '/tmp/f', 'O_RDWR|O_CREAT', 420), call('write', 0, 'kept', 4)],
    });
    expect(opened.results).toMatchObject([{ ret: 0 }, { ret: 4 }]);
    expect(await suspend(id)).toMatchObject({ state: 'suspended', suspended: { bytes: expect.any(Number) } });
    const read = await run(id, { calls: [call('pread64', 0, { out: 8 }, 8, 0), call('lseek', 0, 0, 'SEEK_CUR')] });
    expect(read.results).toMatchObject([{ ret: 4, out: { utf8: 'kept' } }, { ret: 4 }]);
    expect(read).not.toHaveProperty('rolled_back');
    await destroy(id);
  });

  it('keeps sockets, pipes, timers and settings across being suspended', async () => {
    const id = await create({ clock: 'virtual', sysctl: { 'kernel.hostname': 'box' } });
    await run(id, {
      calls: [
        call('pipe2', { out: 'int[2]' }, 0),
        call('write', 1, 'inside', 6),
        call('socketpair', 'AF_UNIX', 'SOCK_STREAM', 0, { out: 'int[2]' }),
        call('write', 2, 'between', 7),
        call('timerfd_create', 'CLOCK_MONOTONIC', 0),
        call('timerfd_settime', 4, 0, { it_interval: { tv_sec: 0 }, it_value: { tv_sec: 3600, tv_nsec: 0 } }, null),
        call('chdir', '/tmp'),
      ],
    });
    await suspend(id);
    const { results } = await run(id, {
      calls: [
        call('read', 0, { out: 16 }, 16),
        call('read', 3, { out: 16 }, 16),
        call('getcwd', { out: 16, type: 'cstr' }, 16),
        call('uname', { out: 'utsname' }),
        call('read', 4, { out: 8 }, 8),
      ],
    });
    expect(results).toMatchObject([
      { out: { utf8: 'inside' } },
      { out: { utf8: 'between' } },
      { out: { utf8: '/tmp' } },
      { out: { nodename: 'box' } },
      { ret: 8 },
    ]);
    await destroy(id);
  });

  it('keeps what was written to a disk', async () => {
    const image = romfs([['file', new TextEncoder().encode('below')]]);
    const id = await create({ mounts: [{ base64: base64(image) }] });
    await run(id, {
      calls: [call('open', '/dev/vda', 'O_RDWR', 0), call('pwrite64', 0, 'above', 5, 512), call('fsync', 0)],
    });
    await suspend(id);
    const { results } = await run(id, {
      calls: [call('pread64', 0, { out: 8 }, 8, 0), call('pread64', 0, { out: 5 }, 5, 512)],
    });
    expect(results).toMatchObject([{ out: { utf8: '-rom1fs-' } }, { out: { utf8: 'above' } }]);
    await destroy(id);
  });

  it('forks into two that go their own ways', async () => {
    const id = await create();
    await run(id, { calls: [call('mkdir', '/tmp/before', 448)] });
    const copy = String((await expectStatus(await request(at(id, '/fork'), json('POST')), 201)).id);
    await run(copy, { calls: [call('mkdir', '/tmp/after', 448)] });
    const look = { calls: [call('access', '/tmp/before', 0), call('access', '/tmp/after', 0)] };
    expect((await run(id, look)).results).toMatchObject([{ ret: 0 }, { errno: 'ENOENT' }]);
    expect((await run(copy, look)).results).toMatchObject([{ ret: 0 }, { ret: 0 }]);
    await Promise.all([destroy(id), destroy(copy)]);
  });

  it('shows its last calls as strace does, also when it was suspended, and after its end', async () => {
    const id = await create();
    const plain = await run(id, {
      calls: [call('getpid')],
      tasks: { other: { calls: [call('close', 77)] } },
    });
    expect(JSON.stringify(plain)).not.toContain('strace');
    const text = async () => (await request(at(id, '/strace'), json('GET'))).text();
    const lines = 'getpid() = 1\n[other] close(77) = -1 EBADF (Bad file descriptor)\n';
    expect(await text()).toBe(lines);
    await suspend(id);
    expect(await text()).toBe(lines);
    const asked = await run(id, { calls: [call('getppid')], strace: true });
    expect(asked.results).toMatchObject([{ ret: 0, strace: 'getppid() = 0' }]);
    await run(id, { calls: [call('exit_group', 1)] });
    expect(await text()).toBe(`${lines}getppid() = 0\nexit_group( <unfinished ...>) = ?\n`);
    await destroy(id);
  });

  it('keeps 64 KiB of its last calls', async () => {
    const id = await create();
    await run(id, { calls: Array.from({ length: 6000 }, () => call('getpid')) });
    const text = await (await request(at(id, '/strace'), json('GET'))).text();
    expect([text.length, text.slice(0, 13)]).toEqual([5041 * 13, 'getpid() = 1\n']);
    await destroy(id);
  });

  it('keeps no zombies of its batches', async () => {
    const id = await create({ clock: 'virtual' });
    const tasks = { a: { calls: [call('getpid')], flags: '0' }, b: { calls: [call('getpid')] } };
    await run(id, { tasks });
    const wait = call('wait4', -1, { out: 'wait_status' }, 'WNOHANG', null);
    expect((await run(id, { calls: [wait] })).results).toMatchObject([{ errno: 'ECHILD' }]);
    await destroy(id);
  });

  it('plays batches one after another', async () => {
    const id = await create({ clock: 'virtual' });
    const append = (letter: string) => ({
      calls: [
        { ...call('open', '/tmp/log', 'O_WRONLY|O_CREAT|O_APPEND', 420), as: 'fd' },
        ...Array.from({ length: 4 }, () => [
          call('write', { ref: 'fd' }, letter, 1),
          call('nanosleep', { tv_sec: 1, tv_nsec: 0 }, null),
        ]).flat(),
        call('close', { ref: 'fd' }),
      ],
    });
    await Promise.all(['a', 'b', 'c'].map((letter) => run(id, append(letter))));
    const { results } = await run(id, {
      calls: [call('open', '/tmp/log', 'O_RDONLY', 0), call('read', 0, { out: 16 }, 16)],
    });
    expect(results[1]).toMatchObject({ out: { utf8: expect.stringMatching(/^(aaaa|bbbb|cccc){3}$/) } });
    await destroy(id);
  });

  it('ends with its kernel, and says so', async () => {
    const id = await create();
    await run(id, { calls: [call('exit_group', 1)] });
    const gone = await expectStatus(await request(at(id, '/syscalls'), json('POST', { calls: [] })), 410);
    expect(gone).toMatchObject({ type: '/problems/session-ended', end: 'panic' });
    expect(gone.console).toContain('Attempted to kill init');
    expect(await (await request(at(id, '/console'), json('GET'))).text()).toContain('Attempted to kill init');
    expect(await expectStatus(await request(at(id), json('GET')), 200)).toMatchObject({ state: 'ended' });
    await destroy(id);
  });

  it('is listed, and gone when deleted', async () => {
    const owner = 'Bearer lister';
    const id = await create({}, owner);
    const list = async () => (await (await request('/v1/sessions', json('GET', undefined, owner))).json()) as Json;
    expect(await list()).toMatchObject({ sessions: [{ id, memory: 24 }] });
    await expectStatus(await request(at(id), json('DELETE', undefined, owner)), 204);
    expect(await list()).toEqual({ sessions: [] });
    await expectStatus(await request(at(id), json('GET', undefined, owner)), 404);
  });

  it('is found by nobody else', async () => {
    const id = await create();
    await expectStatus(await request(at(id), json('GET', undefined, 'Bearer other')), 404);
    await expectStatus(await request(at(id, '/syscalls'), json('POST', { calls: [] }, 'Bearer other')), 404);
    await destroy(id);
  });

  it('expires', async () => {
    const id = await create({ expires_in_s: 1 });
    await scheduler.wait(1100);
    await expectStatus(await request(at(id, '/syscalls'), json('POST', { calls: [] })), 404);
  });

  it('is one of sixteen at most', async () => {
    const index = env.SESSION_INDEX.getByName('many') as unknown as SessionIndexRpc;
    const row = (id: number) => ({ id: String(id), createdMs: id, expiresMs: 1e14, memoryMib: 24 });
    for (let id = 1; id <= 16; id++) expect(await index.admit(row(id))).toEqual({ value: null });
    expect(await index.admit(row(17))).toMatchObject({ problem: { name: 'too-many-sessions' } });
    expect(await index.remove('1')).toEqual({ value: null });
    expect(await index.admit(row(17))).toEqual({ value: null });
  });

  it('that cannot be set up is none', async () => {
    const owner = 'Bearer failing';
    await expectStatus(await request('/v1/sessions', json('POST', { sysctl: { nope: 1 } }, owner)), 422);
    expect(await (await request('/v1/sessions', json('GET', undefined, owner))).json()).toEqual({ sessions: [] });
  });

  it('tells what is wrong with a batch and goes on', async () => {
    const id = await create();
    const response = await request(at(id, '/syscalls'), json('POST', { calls: [call('nope')] }));
    expect(await expectStatus(response, 422)).toMatchObject({ code: 'unknown-call', path: '/calls/0/call' });
    expect((await run(id, { calls: [call('getpid')] })).results).toMatchObject([{ ret: 1 }]);
    await destroy(id);
  });

  it('is rid of a task that had a mistake', async () => {
    const id = await create({ clock: 'virtual' });
    const tasks = { odd: { calls: [call('getpid', 'NO_SUCH')], flags: '0' } };
    await expectStatus(await request(at(id, '/syscalls'), json('POST', { tasks })), 422);
    const sleep = call('nanosleep', { tv_sec: 5, tv_nsec: 0 }, null);
    expect((await run(id, { calls: [sleep], deadline_ms: 3000 })).results).toMatchObject([{ ret: 0 }]);
    await suspend(id);
    await destroy(id);
  });

  it('answers so much at a time, and does not lose it', async () => {
    const id = await create();
    const reads = Array.from({ length: 5 }, () => call('read', { ref: 'fd' }, { out: 4_100_000 }, 4_100_000));
    const calls = [{ ...call('open', '/dev/zero', 'O_RDONLY', 0), as: 'fd' }, ...reads];
    const problem = await expectStatus(await request(at(id, '/syscalls'), json('POST', { calls })), 422);
    expect(problem).toMatchObject({ code: 'over-limit', path: '/calls/4' });
    expect((problem.results as Json[]).map(({ ret }) => ret)).toEqual([0, 4_100_000, 4_100_000, 4_100_000]);
    expect((await run(id, { calls: [call('close', 0)] })).results).toMatchObject([{ ret: 0 }]);
    await destroy(id);
  });

  it('takes 16 MiB of JSON', async () => {
    const id = await create();
    const body = { calls: [call('chdir', 'x'.repeat(2 ** 24))] };
    const refused = await expectStatus(await request(at(id, '/syscalls'), json('POST', body)), 413);
    expect(refused).toMatchObject({ type: '/problems/body-too-large' });
    await destroy(id);
  });

  it('takes lines and answers in lines', async () => {
    const id = await create();
    const lines = (...values: Json[]) => ({
      ...json('POST'),
      headers: { 'content-type': 'application/x-ndjson', authorization: 'Bearer test' },
      body: values.map((value) => `${JSON.stringify(value)}\n`).join(''),
    });
    const send = async (...values: Json[]) => request(at(id, '/syscalls'), lines(...values));
    const plain = await send(call('getpid'), call('close', 7));
    expect(plain.headers.get('content-type')).toBe('application/x-ndjson');
    const read = async (response: Response) =>
      (await response.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    expect(await read(plain)).toMatchObject([
      { ret: 1 },
      { errno: 'EBADF' },
      { end: { clock_ns: expect.any(Number) } },
    ]);
    const tasks = { other: { calls: [call('getppid')] } };
    const end = { stopped: { index: 0, reason: 'error' } };
    expect(await read(await send({ on_error: 'stop' }, call('close', 7), call('getpid')))).toMatchObject([
      { ret: -9 },
      { end },
    ]);
    expect(await read(await send({ tasks }))).toMatchObject([{ task: 'other' }, { end: { tasks: { other: {} } } }]);
    expect(await expectStatus(await send({ calls: [] }), 400)).toMatchObject({ errors: [{ in: 'line 1' }] });
    await destroy(id);
  });

  it('answers over a WebSocket, in order', async () => {
    const id = await create();
    const response = await exports.default.fetch(
      new Request(ORIGIN + at(id, '/socket'), { headers: { upgrade: 'websocket', authorization: 'Bearer test' } }),
    );
    const socket = response.webSocket;
    if (!socket) throw new Error(`no WebSocket: ${response.status}`);
    socket.accept();
    const answers: Json[] = [];
    const done = new Promise<void>((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        answers.push(JSON.parse(String(data)));
        if (answers.length === 4) resolve();
      });
    });
    socket.send(JSON.stringify({ calls: [call('open', '/tmp', 'O_RDONLY', 0)] }));
    socket.send('not json');
    socket.send(JSON.stringify({ calls: [call('close', 0)] }));
    socket.send(new TextEncoder().encode(JSON.stringify({ calls: [call('getpid')] }))); // a binary frame
    await done;
    const results = (ret: number) => ({ results: [{ ret }] });
    expect(answers).toMatchObject([results(0), { problem: { status: 400 } }, results(0), results(1)]);
    socket.close();
    await destroy(id);
  });
});
