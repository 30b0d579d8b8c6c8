/** /v1/sessions/{id}/ports: servers in a session's kernel, asked over HTTP and WebSocket. */

import { exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { ORIGIN, request } from '../harness.ts';
import { at, call, create, destroy, expectStatus, type Json, json, run, suspend } from './session-client.ts';

/** What no document describes: the server's own answer. */
const ask = (id: string, path: string, init: RequestInit = {}) =>
  exports.default.fetch(
    new Request(`${ORIGIN}${at(id, `/ports/${path}`)}`, {
      redirect: 'manual',
      ...init,
      headers: { authorization: 'Bearer test', ...init.headers },
    }),
  );

const socket = (family = 'AF_INET') => ({ ...call('socket', family, 'SOCK_STREAM', 0), as: 'listener' });
const bound = { struct: 'sockaddr_in', sin_family: 'AF_INET', sin_port: 8080, sin_addr: '0.0.0.0' };
const listening = [socket(), call('bind', { ref: 'listener' }, bound, 16), call('listen', { ref: 'listener' }, 16)];
/** Takes one connection, reads what it sends first, and answers. */
const answering = (answer: string) => [
  { ...call('accept4', { ref: 'listener' }, null, null, 0), as: 'client' },
  { ...call('read', { ref: 'client' }, { out: 4096 }, 4096), as: 'request' },
  call('write', { ref: 'client' }, answer, answer.length),
  call('close', { ref: 'client' }),
];
const ok = (body: string, ...headers: readonly string[]) =>
  ['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n');

/** What a later batch knows the connection by: the listener is 0. */
const CLIENT = 1;

const serve = (id: string, calls: readonly Json[]) => run(id, { tasks: { server: { wait: false, calls } } });
type Results = readonly { ret: number; out?: { base64?: string; utf8?: string } }[];
const server = async (id: string, more: Json = {}) => {
  const { tasks } = await run(id, { tasks: { server: { wait: false, ...more } } });
  expect(tasks).not.toHaveProperty('server.failed');
  return (tasks as { server: { results: Results } }).server.results;
};

it.each(['wall', 'virtual'] as const)('a server in a session answers, clock %s', async (clock) => {
  const id = await create({ clock });
  const cookie = 'Set-Cookie: a=b; Path=/; Domain=localhost; HttpOnly';
  await serve(id, [
    ...listening,
    ...answering(ok('hello', 'Content-Type: text/html', cookie, 'Strict-Transport-Security: max-age=1', 'X-Own: yes')),
    ...answering('HTTP/1.1 302 Found\r\nLocation: http://localhost:8080/there?x\r\nContent-Length: 0\r\n\r\n'),
    ...answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nchunk\r\n2;x=y\r\ned\r\n0\r\nTrailer: 1\r\n\r\n',
    ),
    ...answering('HTTP/1.1 200 OK\r\n\r\nuntil it hangs up'),
  ]);
  const headers = {
    cookie: 'mine=1; CF_Authorization=secret',
    'x-custom': 'kept',
    'cf-access-jwt-assertion': 'secret',
  };
  const first = await ask(id, '8080/a%20b/?q=%2F', { headers });
  expect({ status: first.status, body: await first.text() }).toEqual({ status: 200, body: 'hello' });
  expect(first.headers.get('x-own')).toBe('yes');
  expect(first.headers.get('content-security-policy')).toMatch(/^sandbox allow-scripts/);
  expect(first.headers.has('strict-transport-security')).toBe(false);
  expect(first.headers.get('set-cookie')).toBe(`a=b; HttpOnly; Path=${at(id, '/ports/8080')}/`);
  const second = await ask(id, '8080/');
  expect([second.status, second.headers.get('location')]).toEqual([302, at(id, '/ports/8080/there?x')]);
  expect(await (await ask(id, '8080/')).text()).toBe('chunked');
  expect(await (await ask(id, '8080/')).text()).toBe('until it hangs up');
  const heard = JSON.stringify(await server(id));
  expect(heard).toContain('GET /a%20b/?q=%2F HTTP/1.1\\r\\nHost: localhost:8080\\r\\n');
  expect(heard).toContain('cookie: mine=1\\r\\n');
  expect(heard).toContain('x-custom: kept\\r\\n');
  expect(heard).toContain(`X-Forwarded-Prefix: ${at(id, '/ports/8080')}\\r\\n`);
  expect(heard).not.toContain('secret');
  expect(heard).not.toContain('Bearer');
  // Nothing of it is left: the session can be stored.
  await run(id, { tasks: { server: { keep: false } } });
  await suspend(id);
  await destroy(id);
});

/** The server's calls are asked after until `done`: a server that never gets there is an error, not a loop. */
async function until(id: string, done: (results: Results) => boolean, next: () => Json = () => ({})): Promise<void> {
  for (let asked = 0; !done(await server(id, next())); asked++) {
    if (asked === 500) throw new Error('the server does not get on');
    await scheduler.wait(1);
  }
}

it('what is sent to a server arrives whole, and its answer comes while more is sent', async () => {
  const id = await create();
  const total = 300_000;
  const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';
  await serve(id, [
    ...listening,
    { ...call('accept4', { ref: 'listener' }, null, null, 0), as: 'client' },
    call('recvfrom', { ref: 'client' }, { out: 4 }, 4, 0, null, null),
    call('write', { ref: 'client' }, head, head.length),
  ]);
  const sending = ask(id, '8080/', { method: 'PUT', body: new Uint8Array(total).fill(0x61) });
  const response = await sending;
  expect(response.status).toBe(200);
  let heard = 0;
  const receive = call('recvfrom', CLIENT, { out: 65_536 }, 65_536, 0, null, null);
  await until(
    id,
    (results) => {
      for (const { out, ret } of results) if (out && ret > 0) heard += ret;
      return heard >= total;
    },
    () => ({ calls: [receive] }),
  );
  await server(id, { calls: [call('close', CLIENT)] });
  expect(await response.text()).toBe('');
  expect(heard).toBeGreaterThanOrEqual(total);
  await destroy(id);
});

it('a WebSocket to a server carries messages both ways, and a batch is played meanwhile', async () => {
  const id = await create();
  await serve(id, [
    ...listening,
    { ...call('accept4', { ref: 'listener' }, null, null, 0), as: 'client' },
    call('read', { ref: 'client' }, { out: 4096 }, 4096),
  ]);
  const opening = ask(id, '8080/chat', { headers: { upgrade: 'websocket', 'sec-websocket-protocol': 'chat' } });
  let key = '';
  await until(id, (results) => {
    [, key = ''] = /Sec-WebSocket-Key: (\S+?)\\r/.exec(JSON.stringify(results)) ?? [];
    return key !== '';
  });
  const hash = await crypto.subtle.digest(
    'SHA-1',
    new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
  );
  const accept = btoa(String.fromCharCode(...new Uint8Array(hash)));
  const consent = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  const write = (bytes: string) => call('write', CLIENT, { base64: btoa(bytes) }, bytes.length);
  // With its consent comes the first message, in two frames with a ping between.
  await server(id, { calls: [write(`${consent}\x01\x02he\x89\x01!\x80\x03llo`)] });
  const response = await opening;
  expect(response.status).toBe(101);
  expect(response.headers.get('sec-websocket-protocol')).toBe('chat');
  const client = response.webSocket ?? expect.fail('no WebSocket');
  const messages: unknown[] = [];
  const closed = new Promise<CloseEvent>((resolve) => client.addEventListener('close', resolve));
  client.addEventListener('message', ({ data }) => messages.push(data));
  client.accept();
  client.send('from outside');
  expect((await run(id, { calls: [call('getpid')] })).results).toMatchObject([{ ret: 1 }]);
  const problem = await expectStatus(await request(at(id, '/suspend'), json('POST')), 409);
  expect(problem.detail).toMatch(/is inside|to its ports are open/);
  const heard: number[] = [];
  const expected = 2 + 4 + 1 + 2 + 4 + 12;
  // It does not wait: a call that is left would keep the server from hanging up.
  const reading = call('recvfrom', CLIENT, { out: 100 }, 100, 'MSG_DONTWAIT', null, null);
  await until(
    id,
    (results) => {
      for (const { out, ret } of results)
        if (out && ret > 0)
          heard.push(...Uint8Array.from(atob(out.base64 ?? btoa(out.utf8 ?? '')), (char) => char.charCodeAt(0)));
      return heard.length >= expected;
    },
    () => ({ calls: [reading] }),
  );
  const unmasked = (from: number, length: number) =>
    String.fromCharCode(
      ...heard.slice(from + 6, from + 6 + length).map((byte, i) => byte ^ (heard[from + 2 + (i & 3)] ?? 0)),
    );
  expect([heard[0], unmasked(0, 1)]).toEqual([0x8a, '!']); // the pong
  expect([heard[7], unmasked(7, 12)]).toEqual([0x81, 'from outside']);
  expect(messages).toEqual(['hello']);
  await server(id, { calls: [write('\x88\x05\x0f\xa0bye'), call('close', CLIENT)] });
  expect(await closed).toMatchObject({ code: 4000, reason: 'bye' });
  await destroy(id);
});

it('whoever asks a port where nobody listens is told, and so is whoever is answered nonsense', async () => {
  const id = await create();
  expect(await expectStatus(await ask(id, '8080/'), 409)).toMatchObject({ type: '/problems/no-listener' });
  expect(await expectStatus(await ask(id, '0/'), 400)).toMatchObject({ type: '/problems/invalid-request' });
  expect(await expectStatus(await ask(id, '65536/'), 400)).toMatchObject({ type: '/problems/invalid-request' });
  const redirected = await ask(id, '8080?a=b');
  expect([redirected.status, redirected.headers.get('location')]).toEqual([308, at(id, '/ports/8080/?a=b')]);
  const nonsense = [
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno header\r\n\r\n',
    'HTTP/1.1 200 OK\r\nHalf: a he',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
  ];
  await serve(id, [...listening, ...nonsense.flatMap((one) => answering(one))]);
  for (const one of nonsense) {
    const problem = await expectStatus(await ask(id, '8080/'), 422);
    expect({ one, ...problem }).toMatchObject({ type: '/problems/bad-port-answer' });
  }
  await destroy(id);
  const down = await create({ network: { loopback: false } });
  const problem = await expectStatus(await ask(down, '8080/'), 409);
  expect(problem.detail).toMatch(/loopback of the session is down|Linux|port 8080/);
  await destroy(down);
  expect(await expectStatus(await ask(down, '8080/'), 404)).toMatchObject({ type: '/problems/session-not-found' });
});

it('a body that breaks off is an error of the answer, not its end', async () => {
  const id = await create();
  await serve(id, [...listening, ...answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')]);
  const response = await ask(id, '8080/');
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
  await destroy(id);
});

it('a server that waits for ever in virtual time is given up, and the session goes on', async () => {
  const id = await create({ clock: 'virtual' });
  await serve(id, [
    ...listening,
    { ...call('accept4', { ref: 'listener' }, null, null, 0), as: 'client' },
    call('pause'),
  ]);
  expect(await expectStatus(await ask(id, '8080/'), 422)).toMatchObject({ type: '/problems/program-deadlock' });
  expect((await run(id, { calls: [call('getpid')] })).results).toMatchObject([{ ret: 1 }]);
  await destroy(id);
});

it('pages of the server, which come from nowhere, may ask it; pages of others may not ask anything else', async () => {
  const id = await create();
  await serve(id, [...listening, ...answering(ok('{}'))]);
  const asked = { headers: { origin: 'null' } };
  const preflight = await ask(id, '8080/', {
    method: 'OPTIONS',
    headers: { origin: 'null', 'access-control-request-method': 'PATCH' },
  });
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'null']);
  const answer = await ask(id, '8080/', asked);
  expect([await answer.text(), answer.headers.get('access-control-allow-origin')]).toEqual(['{}', 'null']);
  const other = await exports.default.fetch(
    new Request(`${ORIGIN}${at(id)}`, { headers: { origin: 'null', authorization: 'Bearer test' } }),
  );
  expect(other.status).toBe(403);
  const foreign = await ask(id, '8080/', { headers: { origin: 'https://evil.example' } });
  expect(foreign.status).toBe(403);
  await destroy(id);
});

it('forty at once are answered each with its own, HEAD has no body, and who goes away holds nothing up', async () => {
  const id = await create();
  const answers = Array.from({ length: 40 }, (_, i) => ok(`answer ${String(i).padStart(2, '0')}`));
  const endless = `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly some`;
  await serve(id, [
    ...listening,
    ...answers.flatMap(answering),
    ...answering(ok('x')),
    ...answering(endless),
    ...answering(ok('last')),
  ]);
  const bodies = await Promise.all(answers.map(async () => (await ask(id, '8080/')).text()));
  expect([...bodies].sort()).toEqual(answers.map((_, i) => `answer ${String(i).padStart(2, '0')}`));
  const head = await ask(id, '8080/', { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  const left = await ask(id, '8080/');
  await left.body?.cancel();
  expect(await (await ask(id, '8080/')).text()).toBe('last');
  await run(id, { tasks: { server: { keep: false } } });
  await suspend(id);
  await destroy(id);
});

it('a session that is deleted ends what its servers were asked', async () => {
  const id = await create();
  await serve(id, [
    ...listening,
    { ...call('accept4', { ref: 'listener' }, null, null, 0), as: 'client' },
    call('pause'),
  ]);
  const asked = ask(id, '8080/');
  await run(id, { calls: [call('getpid')] });
  await destroy(id);
  const { status } = await asked;
  expect([404, 410, 422]).toContain(status);
});
