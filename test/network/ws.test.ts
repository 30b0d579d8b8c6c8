/** `ws`: cables through a relay of WebSockets (RFC 6455), as v86's are. */

import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { readText } from '../../src/kernel/sysfs.ts';
import { attachInterface } from '../../src/node/net/attach.ts';
import { configure, kernelWith, ping } from './hosts.ts';

const kernels: Kernel[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const one of kernels.splice(0)) one.kill();
  for (const one of servers.splice(0)) one.close();
});

const BINARY = 2;
const [TEXT, CLOSE, PING] = [1, 8, 9] as const;

/** A frame of a server: whole, not masked. */
function frame(opcode: number, payload: Uint8Array): Buffer {
  const head = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4);
  head[0] = 0x80 | opcode;
  head[1] = Math.min(payload.length, 126);
  if (payload.length >= 126) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** Takes whole frames of a client, which are masked, from what has come; answers the rest. */
function take(bytes: Buffer, each: (opcode: number, payload: Buffer) => void): Buffer {
  for (let rest = bytes; ; ) {
    if (rest.length < 6) return rest;
    const short = (rest[1] ?? 0) & 0x7f;
    const at = short < 126 ? 2 : 4;
    const length = short < 126 ? short : rest.readUInt16BE(2);
    if (rest.length < at + 4 + length) return rest;
    const payload = Buffer.from(rest.subarray(at + 4, at + 4 + length)).map((b, i) => b ^ (rest[at + (i & 3)] ?? 0));
    each((rest[0] ?? 0) & 0xf, Buffer.from(payload));
    rest = rest.subarray(at + 4 + length);
  }
}

/** Sends each binary message to all others, with what a cable is to ignore in between. */
async function relay(): Promise<{ readonly url: string; readonly clients: Set<Socket> }> {
  const clients = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(404).end());
  server.on('upgrade', ({ headers }, socket: Socket) => {
    const key = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${key.digest('base64')}\r\n\r\n`,
    );
    clients.add(socket);
    socket.on('close', () => clients.delete(socket)).on('error', () => {});
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      rest = take(Buffer.concat([rest, bytes]), (opcode, payload) => {
        if (opcode === CLOSE) socket.end(frame(CLOSE, payload));
        if (opcode !== BINARY) return;
        for (const other of clients) {
          if (other === socket) continue;
          other.write(frame(TEXT, Buffer.from('{"type":"hello"}')));
          other.write(frame(PING, Buffer.from('p')));
          other.write(frame(BINARY, Buffer.alloc(3)));
          other.write(frame(BINARY, payload));
        }
      });
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, clients };
}

async function host(param: string, ...addresses: readonly string[]): Promise<Kernel> {
  const kernel = kernelWith('wall');
  kernels.push(kernel);
  const { index } = await attachInterface(kernel, { type: 'ws', param });
  await configure(kernel, index, ...addresses);
  return kernel;
}

it('two kernels ping each other through a relay, whatever else it says, until it goes', async () => {
  const { url, clients } = await relay();
  const [one, two] = [await host(url, '10.0.0.1', 'fd00::1'), await host(url, '10.0.0.2', 'fd00::2')];
  two.init.detach();
  expect(await ping(one, '10.0.0.2', 5000)).toMatchObject({ ok: true, from: '10.0.0.2' });
  expect(await ping(one, 'fd00::2', 5000)).toMatchObject({ ok: true, from: 'fd00::2' });
  expect(await readText(one.init, '/sys/class/net/eth0/carrier')).toBe('1');
  for (const client of clients) client.destroy();
  for (let i = 0; i < 200 && (await readText(one.init, '/sys/class/net/eth0/carrier')) === '1'; i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await readText(one.init, '/sys/class/net/eth0/carrier')).toBe('0');
});

it('says what is no relay', async () => {
  const { url } = await relay();
  const server = createServer((_, response) => response.end('no')).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  const kernel = kernelWith('wall');
  kernels.push(kernel);
  const refused = (param: string) => expect(attachInterface(kernel, { type: 'ws', param })).rejects;
  await refused(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`).toThrow('it did not open a WebSocket');
  await refused('ws://127.0.0.1:1/').toThrow('it did not open a WebSocket');
  await refused(url.replace('ws:', 'http:')).toThrow('its param is an address: ws://… or wss://…');
  await refused('').toThrow('its param is an address');
});
