/** Programs in sessions: run to their end, in a terminal, and what becomes of a session that has one. */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { app } from '../../../src/worker/app.ts';
import { ORIGIN, request } from '../harness.ts';
import { at, call, create, destroy, expectStatus, type Json, json, run, suspend } from './session-client.ts';

const made = (options: Json = {}) => create({ program_memory: 16, ...options });
const post = (id: string, body: Json) => request(at(id, '/exec'), json('POST', body));
const exec = async (id: string, body: Json) => expectStatus(await post(id, body), 200);
const sh = (id: string, script: string, more: Json = {}) => exec(id, { argv: ['sh', '-c', script], ...more });

describe('a program in a session', () => {
  it('sees what calls of the session made, and leaves what they see; the session is suspended as any', async () => {
    const id = await made();
    await run(id, { calls: [call('mkdirat', 'AT_FDCWD', '/data', 0o755)] });
    const one = await sh(id, 'cat > /data/f; echo $X >&2; exit 3', { stdin: 'hello\n', env: { X: 'y' }, cwd: '/data' });
    expect(one).toMatchObject({ exit_code: 3, stdout: '', stderr: 'y\n', timed_out: false, running: [] });
    expect(await (await request(at(id, '/files/data/f'), json('GET'))).text()).toBe('hello\n');
    expect(await suspend(id)).toMatchObject({ state: 'suspended' });
    expect(await sh(id, 'cat f; ls /proc/self/fd | wc -l', { cwd: '/data' })).toMatchObject({ stdout: 'hello\n4\n' });
    const copy = await expectStatus(await request(at(id, '/fork'), json('POST')), 201);
    expect(await sh(String(copy.id), 'cat /data/f')).toMatchObject({ stdout: 'hello\n' });
    await destroy(String(copy.id));
    await destroy(id);
  });

  it('works on its disks', async () => {
    const id = await made({ mounts: [{ base64: btoa('\0'.repeat(2 ** 20)) }] });
    expect(
      await sh(id, 'mke2fs -q -L in-session /dev/vda && mkdir -p /x && mount /dev/vda /x && echo y > /x/z && df /x'),
    ).toMatchObject({ exit_code: 0 });
    expect(await suspend(id)).toMatchObject({ state: 'suspended' });
    expect(await sh(id, 'cat /x/z; umount /x; blkid -o value -s LABEL /dev/vda')).toMatchObject({
      stdout: 'y\nin-session\n',
    });
    await destroy(id);
  });

  it('that takes too long, or waits for another to be opened, is killed, and the session goes on', async () => {
    const id = await made();
    expect(await sh(id, 'echo a; sleep 100', { deadline_ms: 300 })).toMatchObject({
      timed_out: true,
      signal: 9,
      stdout: 'a\n',
    });
    const mark = ['FAN_MARK_ADD|FAN_MARK_MOUNT', 'FAN_OPEN_PERM', 'AT_FDCWD', '/'];
    const watch = { ...call('fanotify_init', 'FAN_CLASS_CONTENT', 'O_RDONLY'), as: 'watch' };
    await run(id, { calls: [watch, call('fanotify_mark', { ref: 'watch' }, ...mark)] });
    const blocked = await expectStatus(await post(id, { argv: ['echo'], deadline_ms: 300 }), 409);
    expect(blocked).toMatchObject({ type: '/problems/program-prevents' });
    await run(id, { calls: [call('close', 0)] });
    expect(await sh(id, 'echo b')).toMatchObject({ stdout: 'b\n' });
    await destroy(id);
  });

  it('that stays in the background keeps the session from being suspended, which says why', async () => {
    const id = await made();
    const left = await sh(id, 'mkfifo /never; cat /never > /dev/null 2>&1 & echo $!');
    expect(left).toMatchObject({ running: [{ name: 'busybox', pid: Number(left.stdout) }] });
    const refused = await expectStatus(await request(at(id, '/suspend'), json('POST')), 409);
    expect(refused.detail).toContain('busybox');
    expect(await expectStatus(await request(at(id), json('GET')), 200)).toMatchObject({
      state: 'running',
      obstacle: expect.stringContaining('busybox'),
    });
    expect(await sh(id, `kill ${Number(left.stdout)}`)).toMatchObject({ exit_code: 0 });
    expect(await suspend(id)).toMatchObject({ state: 'suspended' });
    await destroy(id);
  });

  it.each([
    [{ argv: ['no-such'] }, 400, 'no-such-tool'],
    [{ argv: ['/no/such'] }, 404, 'ENOENT'],
    [{ argv: ['sh'], cwd: '/none' }, 404, 'ENOENT'],
    [{ argv: [] }, 400, 'invalid-request'],
    [{ argv: ['yes'] }, 422, 'output-too-large'],
  ])('%j is a problem, and the session goes on', async (body, status, type) => {
    const id = await made();
    expect(await expectStatus(await post(id, body), status)).toMatchObject({ type: `/problems/${type}` });
    expect(await sh(id, 'echo on')).toMatchObject({ stdout: 'on\n' });
    expect(await suspend(id)).toMatchObject({ state: 'suspended' });
    await destroy(id);
  });

  it('wants memory that the session was made with', async () => {
    const id = await create();
    expect(await expectStatus(await post(id, { argv: ['true'] }), 400)).toMatchObject({
      detail: expect.stringContaining('program_memory'),
    });
    await destroy(id);
    const all = await Promise.all([1, 2].map(() => made({ memory: 16, program_memory: 8 })));
    const said = await Promise.all(all.map((one, i) => sh(one, `echo ${i}`)));
    expect(said.map(({ stdout }) => stdout)).toEqual(['0\n', '1\n']);
    for (const one of all) await destroy(one);
  });
});

/** What comes over the socket, as it comes. */
class Screen {
  readonly socket: WebSocket;
  text = '';
  readonly messages: Json[] = [];
  closed: { readonly code: number } | undefined;
  #changed: () => void = () => {};

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.accept();
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.messages.push(JSON.parse(data));
      else this.text += new TextDecoder().decode(data as ArrayBuffer);
      this.#changed();
    });
    socket.addEventListener('close', (event) => {
      this.closed = event;
      this.#changed();
    });
  }

  type(text: string): void {
    this.socket.send(new TextEncoder().encode(text));
  }

  say(message: Json): void {
    this.socket.send(JSON.stringify(message));
  }

  async until(seen: () => boolean): Promise<void> {
    while (!seen()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  shows(text: string | RegExp): Promise<void> {
    return this.until(() => this.text.search(text) >= 0);
  }
}

async function terminal(id: string, query = ''): Promise<Screen> {
  const headers = { upgrade: 'websocket', authorization: 'Bearer test' };
  const response = await app.fetch(
    new Request(`${ORIGIN}${at(id, '/terminal')}?${query}`, { headers }),
    env,
    createExecutionContext(),
  );
  expect(response.status).toBe(101);
  return new Screen(response.webSocket as WebSocket);
}

describe('a terminal in a session', () => {
  it('is a shell with a prompt, echo, its size, ^C, and an end', async () => {
    const id = await made();
    const screen = await terminal(id, 'columns=100&rows=30');
    await screen.shows('# ');
    screen.type('stty size; tty\r');
    await screen.shows('30 100');
    await screen.shows('/dev/pts/0');
    screen.say({ resize: { columns: 120, rows: 40 } });
    screen.type('stty size\r');
    await screen.shows('40 120');
    screen.type('sleep 1000\r');
    screen.type('\x03');
    screen.type('echo "after $((6*7))"\r');
    await screen.shows('after 42');
    // Calls of the session go on beside it.
    expect((await run(id, { calls: [call('getpid')] })).results[0]).toMatchObject({ ret: 1 });
    expect(await sh(id, 'echo beside')).toMatchObject({ stdout: 'beside\n' });
    const refused = await expectStatus(await request(at(id, '/suspend'), json('POST')), 409);
    expect(refused.detail).toContain('busybox');
    screen.type('exit 5\r');
    await screen.until(() => screen.closed !== undefined);
    expect(screen.messages).toEqual([{ exit: { exit_code: 5 } }]);
    expect(screen.closed?.code).toBe(1000);
    expect(await suspend(id)).toMatchObject({ state: 'suspended' });
    await destroy(id);
  });

  it('that is hung up ends its program, and the session goes on', async () => {
    const id = await made();
    const screen = await terminal(id, 'argv=sh&argv=-c&argv=trap+"echo+hup+>/hup;exit"+HUP;while+:;do+sleep+1;done');
    await scheduler.wait(300);
    screen.socket.close(1000, 'bye');
    for (let tries = 0; ; tries++) {
      const status = (await request(at(id, '/suspend'), json('POST'))).status;
      if (status === 200) break;
      expect(tries).toBeLessThan(50);
      await scheduler.wait(100);
    }
    expect(await sh(id, 'cat /hup; ps | grep -c sleep')).toMatchObject({ stdout: expect.stringContaining('hup') });
    await destroy(id);
  });

  it('two at once; large output comes whole; a signal is sent by number', async () => {
    const id = await made();
    const [one, two] = [await terminal(id), await terminal(id, 'argv=sleep&argv=1000')];
    one.type('yes 0123456789 | head -n 20000; echo "e"nd\r');
    await one.shows('end');
    expect(one.text.match(/0123456789\r\n/g)).toHaveLength(20_000);
    two.say({ signal: 15 });
    await two.until(() => two.closed !== undefined);
    expect(two.messages).toEqual([{ exit: { signal: 15 } }]);
    one.say({ end: true });
    await one.until(() => one.closed !== undefined);
    expect(one.messages).toEqual([{ exit: { exit_code: 0 } }]);
    await destroy(id);
  });

  it('a wrong message is told and changes nothing; a wrong program is a problem', async () => {
    const id = await made();
    const screen = await terminal(id);
    for (const message of [{ resize: { columns: 0, rows: 1 } }, { other: 1 }]) screen.say(message);
    screen.socket.send('no json');
    await screen.until(() => screen.messages.length === 3);
    expect(screen.messages.every(({ problem }) => (problem as Json).status === 400)).toBe(true);
    screen.type('exit\r');
    await screen.until(() => screen.closed !== undefined);
    const none = await terminal(id, 'argv=no-such');
    await none.until(() => none.closed !== undefined);
    expect(none.messages).toMatchObject([{ problem: { type: '/problems/no-such-tool' } }]);
    await destroy(id);
  });

  it('ends with its session', async () => {
    const id = await made();
    const screen = await terminal(id);
    await screen.shows('# ');
    await destroy(id);
    await screen.until(() => screen.closed !== undefined);
    expect(screen.messages).toMatchObject([{ problem: { status: expect.any(Number) } }]);
  });
});

it('a terminal is asked for as a WebSocket', async () => {
  const id = await made();
  expect((await request(at(id, '/terminal'), json('GET'))).status).toBe(426);
  await destroy(id);
});
