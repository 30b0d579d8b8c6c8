/** `user`: a kernel that reaches servers of this machine, and is reached, through a router kernel and sockets of Node. */

import { createSocket } from 'node:dgram';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { newRoute } from '../../src/abi/netlink/address.ts';
import { AF } from '../../src/abi/netlink/constants.ts';
import { formatIp, parseMac } from '../../src/abi/netlink/inet.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { readText } from '../../src/kernel/sysfs.ts';
import { dhcp } from '../../src/network/dhcp/client.ts';
import { link } from '../../src/network/link.ts';
import { connectIn } from '../../src/network/sockets/kernel-stream.ts';
import { Reactor } from '../../src/network/sockets/reactor.ts';
import { attachInterface } from '../../src/node/net/attach.ts';
import { address, configure, kernelWith, ping } from './hosts.ts';
import { sink } from './transfer.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function client(param: string): Promise<{ kernel: Kernel; what: string }> {
  const kernel = kernelWith('wall');
  closing.push(() => kernel.kill());
  const { index, what } = await attachInterface(kernel, { type: 'user', param });
  const rtnl = await configure(kernel, index, '10.0.2.15');
  await rtnl.send([newRoute({ family: AF.INET, gateway: address('10.0.2.2') })]);
  kernel.init.detach();
  return { kernel, what };
}

/** A server of this machine, which sends back what comes. */
async function echoServer(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function reactorOf(kernel: Kernel): Promise<Reactor> {
  const reactor = await Reactor.open(kernel);
  closing.unshift(() => reactor.end());
  return reactor;
}

async function read(stream: { read(): Promise<Uint8Array | undefined> }): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for (let bytes = await stream.read(); bytes; bytes = await stream.read()) all.push(bytes);
  return Buffer.concat(all);
}

it('net-test: the router answers, and so does the world outside', async () => {
  const { kernel } = await client('');
  kernel.init.attach();
  expect(await ping(kernel, '10.0.2.2')).toMatchObject({ ok: true, from: '10.0.2.2' });
  expect(await ping(kernel, '192.0.2.1')).toMatchObject({ ok: true, from: '192.0.2.1' });
});

it('DHCP gives the address, and the router tells its IPv6 prefix', async () => {
  const kernel = kernelWith('wall');
  closing.push(() => kernel.kill());
  const { name, index, mac } = await attachInterface(kernel, { type: 'user' });
  const lease = await dhcp(kernel.init, { name, index, mac: parseMac(mac) ?? new Uint8Array(6) }, 0x1234_5678);
  expect(lease).toMatchObject({
    address: '10.0.2.15',
    prefixLength: 24,
    gateway: '10.0.2.2',
    nameservers: ['10.0.2.3'],
    seconds: 86_400,
  });
  expect(await ping(kernel, '192.0.2.7')).toMatchObject({ ok: true });
  const addresses = () => readText(kernel.init, '/proc/net/if_inet6');
  while (!/^fec0/m.test(await addresses())) await kernel.init.syscall('sched_yield');
  expect(await ping(kernel, '2001:db8::1', 5000)).toMatchObject({ ok: true });
  // Where nobody answers, that is said.
  const [card] = link();
  const alone = kernelWith('virtual');
  closing.push(() => alone.kill());
  const lonely = await alone.nets.attach(card);
  const none = dhcp(alone.init, { name: lonely.name, index: lonely.index, mac: new Uint8Array(6) }, 1);
  await expect(none).rejects.toThrow('DHCP on eth0: nobody answered');
});

it('TCP goes out, many connections at once and every byte; what refuses refuses, what is forbidden too', async () => {
  const port = await echoServer();
  const { kernel } = await client('loopback');
  const reactor = await reactorOf(kernel);
  const one = async (size: number) => {
    const stream = await connectIn(reactor, { address: address('10.0.2.2'), port });
    const bytes = new Uint8Array(size).map((_, i) => (i * 7 + (i >> 8)) & 0xff);
    const reading = read(stream);
    await stream.write(bytes);
    await stream.end();
    const back = await reading;
    await stream.abort();
    return Buffer.compare(back, bytes) === 0 && back.length === size;
  };
  expect(await Promise.all([0, 1, 1000, 400_000, 2_000_000].map(one))).toEqual([true, true, true, true, true]);
  await expect(connectIn(reactor, { address: address('10.0.2.2'), port: 1 })).rejects.toThrow('ECONNREFUSED');
  const closed = await client('');
  const other = await reactorOf(closed.kernel);
  await expect(connectIn(other, { address: address('10.0.2.2'), port })).rejects.toThrow('ECONNREFUSED');
});

it('UDP goes out and its answers come back, large ones in pieces', async () => {
  const server = createSocket('udp4');
  server.on('message', (bytes, { port, address: from }) => server.send(bytes, port, from));
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const { kernel } = await client('loopback');
  const task = await kernel.spawn();
  const { socket, sendto, recvFrom } = await import('../../src/kernel/syscalls/net.ts');
  const { mapBuffer } = await import('../../src/kernel/syscalls/memory.ts');
  const fd = await socket(task, AF.INET, 2);
  const buffer = await mapBuffer(task, 65_536);
  for (const size of [0, 1, 1472, 1473, 30_000]) {
    task.memory.view(buffer.at, size).fill(size & 0xff);
    const to = { address: address('10.0.2.2'), port: server.address().port };
    expect(await sendto(task, fd, buffer, size, 0, to)).toBe(size);
    const [length, from] = await recvFrom(task, fd, buffer, 0);
    expect([length, from && formatIp(from.address), from?.port]).toEqual([size, '10.0.2.2', server.address().port]);
  }
  task.detach();
});

it('a port of this machine leads to a server in the kernel', async () => {
  const { kernel, what } = await client('hostfwd=tcp::0-:5001');
  const [, port = ''] = /127\.0\.0\.1:(\d+)/.exec(what) ?? [];
  const { received } = await sink(kernel, 5001);
  const socket = connect(Number(port), '127.0.0.1');
  const bytes = new Uint8Array(500_000).map((_, at) => (at * 31 + (at >> 9)) & 0xff);
  socket.end(bytes);
  expect(await received).toBe(500_000);
  socket.destroy();
});

it.each(['hostfwd', 'hostfwd=tcp:1-2', 'hostfwd=udp::1-:2', 'hostfwd=tcp::70000-:80', 'hostfwd=tcp::80-:0', 'no'])(
  'param %s is refused',
  async (param) => {
    const kernel = kernelWith('wall');
    closing.push(() => kernel.kill());
    await expect(attachInterface(kernel, { type: 'user', param })).rejects.toThrow('its param is a list');
    expect(kernel.nets.all).toEqual([]);
  },
);
