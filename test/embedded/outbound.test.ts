/** Sessions that reach the world: over the platform's connections, as far as the owner of the service lets them, and no further. */

import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

type Json = Record<string, unknown>;

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

/** Says back what it hears; after "bye" it ends first. */
const echo = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    socket.write(bytes);
    if (bytes.toString().includes('bye')) socket.end();
  });
  socket.on('end', () => socket.end('end heard'));
});

/** RFC 8484: each question is answered with 192.0.2.9. */
const names = createHttpServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const query = Buffer.concat(parts);
    const answer = Buffer.concat([query, Buffer.from('c00c000100010000003c0004c0000209', 'hex')]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(1, 6);
    response.setHeader('content-type', 'application/dns-message').end(answer);
  });
});

const connections = (): Promise<number> =>
  new Promise((resolve, reject) => echo.getConnections((error, count) => (error ? reject(error) : resolve(count))));

let port = 0;
let open: EmbeddedWorker;
let shut: EmbeddedWorker;
beforeAll(async () => {
  port = await listening(echo);
  const resolver = `http://127.0.0.1:${await listening(names)}/dns-query`;
  open = await embeddedWorker({ vars: { OUTBOUND: '127.0.0.1', OUTBOUND_RESOLVER: resolver } });
  shut = await embeddedWorker();
}, 120_000);
afterAll(async () => {
  await Promise.all([open.close(), shut.close()]);
  echo.close();
  names.close();
});

async function ask(worker: EmbeddedWorker, method: string, path: string, body?: Json): Promise<[number, Json]> {
  const response = await fetch(new URL(`v1/sessions${path}`, worker.url), {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = (await response.text()).trim();
  return [response.status, text.startsWith('{') ? JSON.parse(text) : {}];
}

async function connected(worker: EmbeddedWorker): Promise<string> {
  const [, { id }] = await ask(worker, 'POST', '', {});
  const [status, card] = await ask(worker, 'POST', `/${id}/interfaces`, { user: true, dhcp: true });
  expect([status, card]).toMatchObject([
    201,
    { name: 'eth0', connected: true, lease: { address: '10.0.2.15', gateway: '10.0.2.2', nameservers: ['10.0.2.3'] } },
  ]);
  return `/${id}`;
}

const call = (name: string, ...args: unknown[]) => ({ call: name, args });
const address = (sin_addr: string, sin_port: number) => ({
  struct: 'sockaddr_in',
  sin_family: 'AF_INET',
  sin_port,
  sin_addr,
});
const connect = (to: string, at: number) => [
  { ...call('socket', 'AF_INET', 'SOCK_STREAM', 0), as: 'fd' },
  call('connect', { ref: 'fd' }, address(to, at), 16),
];

async function run(worker: EmbeddedWorker, id: string, calls: readonly unknown[]): Promise<readonly Json[]> {
  const [status, answer] = await ask(worker, 'POST', `${id}/syscalls`, { calls, deadline_ms: 20_000 } as Json);
  expect([status, answer]).toMatchObject([200, {}]);
  return answer.results as Json[];
}

describe('a session whose owner lets it out', () => {
  it('speaks with a server over TCP, both ways, until both have ended', async () => {
    const id = await connected(open);
    const results = await run(open, id, [
      ...connect('10.0.2.2', port),
      call('write', { ref: 'fd' }, 'to the world', 12),
      call('read', { ref: 'fd' }, { out: 100 }, 100),
      call('shutdown', { ref: 'fd' }, 'SHUT_WR'),
      call('read', { ref: 'fd' }, { out: 100 }, 100),
      call('read', { ref: 'fd' }, { out: 100 }, 100),
    ]);
    expect(results.map(({ ret }) => ret)).toEqual([results[0]?.ret, 0, 12, 12, 0, 9, 0]);
    expect(JSON.stringify(results[5])).toContain('end heard');
    await ask(open, 'DELETE', id);
  }, 60_000);

  it('finds names, and reaches nothing that is not open: what they lead to neither', async () => {
    const id = await connected(open);
    const query = '0001010000010000000000000161076578616d706c6503636f6d0000010001';
    const results = await run(open, id, [
      { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'dns' },
      call('sendto', { ref: 'dns' }, { hex: query }, query.length / 2, 0, address('10.0.2.3', 53), 16),
      call('read', { ref: 'dns' }, { out: 512 }, 512),
      ...connect('192.0.2.9', port),
      ...connect('169.254.169.254', 80),
      ...connect('10.1.2.3', 80),
    ]);
    expect(results[2]?.ret).toBe(query.length / 2 + 16);
    expect([results[4], results[6], results[8]].map((one) => one?.errno)).toEqual(Array(3).fill('ECONNREFUSED'));
    await ask(open, 'DELETE', id);
  }, 60_000);

  it('has five connections at a time; a sixth comes once another has ended', async () => {
    const id = await connected(open);
    const five = Array.from({ length: 5 }, () => connect('10.0.2.2', port)).flat();
    expect((await run(open, id, five)).filter(({ ret }, i) => i % 2 === 1 && ret === 0)).toHaveLength(5);
    const results = await run(open, id, [
      { ...call('socket', 'AF_INET', 'SOCK_STREAM|SOCK_NONBLOCK', 0), as: 'sixth' },
      call('connect', { ref: 'sixth' }, address('10.0.2.2', port), 16),
      call('poll', [{ fd: { ref: 'sixth' }, events: 'POLLOUT' }], 1, 300),
      call('close', 0),
      call('poll', [{ fd: { ref: 'sixth' }, events: 'POLLOUT' }], 1, 15_000),
    ]);
    expect(results.slice(1)).toMatchObject([{ errno: 'EINPROGRESS' }, { ret: 0 }, { ret: 0 }, { ret: 1 }]);
    await ask(open, 'DELETE', id);
  }, 60_000);

  it.each([
    ['the card is pulled', (id: string) => `${id}/interfaces/eth0`],
    ['the session is deleted', (id: string) => id],
  ])(
    'holds no connection once %s',
    async (_, path) => {
      const id = await connected(open);
      await run(open, id, connect('10.0.2.2', port));
      expect(await connections()).toBe(1);
      await ask(open, 'DELETE', path(id));
      for (let i = 0; i < 100 && (await connections()) > 0; i++) await sleep(50);
      expect(await connections()).toBe(0);
      if (path(id) !== id) await ask(open, 'DELETE', id);
    },
    60_000,
  );

  it('gets no datagrams out, and is told', async () => {
    const id = await connected(open);
    const results = await run(open, id, [
      { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'fd' },
      call('connect', { ref: 'fd' }, address('192.0.2.9', 123), 16),
      call('write', { ref: 'fd' }, 'time?', 5),
      call('poll', [{ fd: { ref: 'fd' }, events: 'POLLIN' }], 1, 5000),
      call('read', { ref: 'fd' }, { out: 10 }, 10),
    ]);
    expect(results[4]).toMatchObject({ errno: 'EHOSTUNREACH' });
    await ask(open, 'DELETE', id);
  }, 60_000);
});

it('a session stays inside where the owner says nothing, with words for it', async () => {
  const [, { id }] = await ask(shut, 'POST', '', {});
  const [status, problem] = await ask(shut, 'POST', `/${id}/interfaces`, { user: true });
  expect([status, problem]).toMatchObject([403, { detail: expect.stringContaining('OUTBOUND') }]);
  const [both] = await ask(shut, 'POST', `/${id}/interfaces`, { user: true, link: { session: id, interface: 'eth0' } });
  expect(both).toBe(400);
  const [, list] = await ask(shut, 'GET', `/${id}/interfaces`);
  expect(list).toEqual({ interfaces: [] });
}, 60_000);
