/** DHCP, router advertisements and names, asked of dnsmasq in a namespace of this machine's, through a tap. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { parseMac } from '../../src/abi/netlink/inet.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { must } from '../../src/kernel/kernel-error.ts';
import { mapBuffer } from '../../src/kernel/syscalls/memory.ts';
import { connect, recv, send, socket } from '../../src/kernel/syscalls/net.ts';
import { readText } from '../../src/kernel/sysfs.ts';
import { dhcp } from '../../src/network/dhcp/client.ts';
import { type AttachedInterface, attachInterface } from '../../src/node/net/attach.ts';
import { address, configure, kernelWith, ping } from './hosts.ts';

const NETNS = `lkl-dhcp-${process.pid}`;
const run = (command: string, ...words: readonly string[]): string =>
  execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const inside = (...words: readonly string[]): string => run('ip', 'netns', 'exec', NETNS, ...words);

const kernels: Kernel[] = [];
const servers: ChildProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), 'lkl-dhcp-'));
beforeEach(() => void run('ip', 'netns', 'add', NETNS));
afterEach(async () => {
  for (const one of kernels.splice(0)) one.kill();
  for (const one of servers.splice(0)) {
    one.kill('SIGKILL');
    if (one.exitCode === null && one.signalCode === null) await once(one, 'exit');
  }
  run('ip', 'netns', 'del', NETNS);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isMissing = (() => {
  try {
    run('dnsmasq', '--version');
    return false;
  } catch {
    return true;
  }
})();

/** A kernel whose card leads to the machine's end of a tap, where dnsmasq listens once this settles. */
async function served(): Promise<{ readonly kernel: Kernel; readonly card: AttachedInterface }> {
  const kernel = kernelWith('wall');
  kernels.push(kernel);
  const card = await attachInterface(kernel, { type: 'tap', param: 'lkld%d' });
  const [, tap = ''] = /^tap (lkld\d+)$/.exec(card.what) ?? [];
  run('ip', 'link', 'set', tap, 'netns', NETNS);
  inside('ip', 'addr', 'add', '10.77.0.1/24', 'dev', tap);
  inside('ip', 'addr', 'add', 'fd77::1/64', 'dev', tap, 'nodad');
  inside('ip', 'link', 'set', tap, 'up');
  const words = [
    ...[
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--log-facility=-',
      '--user=root',
    ],
    ...[`--interface=${tap}`, '--bind-interfaces', '--dhcp-authoritative', `--pid-file=${join(folder, 'pid')}`],
    ...[`--dhcp-leasefile=${join(folder, 'leases')}`, '--address=/host.test/192.0.2.7'],
    ...['--dhcp-range=10.77.0.50,10.77.0.60,255.255.255.0,1h', '--dhcp-range=fd77::,ra-only,64', '--enable-ra'],
    ...['--dhcp-option=option:router,10.77.0.1', '--dhcp-option=option:dns-server,10.77.0.1,10.77.0.9'],
  ];
  const server = spawn('ip', ['netns', 'exec', NETNS, 'dnsmasq', ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.stderr.on('data', (text) => {
      if (String(text).includes('cleared cache')) resolve();
    });
    server.stderr.on('end', resolve);
  });
  return { kernel, card };
}

it.skipIf(isMissing)('a lease of dnsmasq is an address, a route and name servers, and the router answers', async () => {
  const { kernel, card } = await served();
  const device = { name: card.name, index: card.index, mac: parseMac(card.mac) ?? new Uint8Array(6) };
  const lease = await dhcp(kernel.init, device, 7);
  expect(JSON.stringify(lease)).toContain('10.77.0.1');
  expect(await readText(kernel.init, '/proc/net/fib_trie')).toMatch(/10\.77\.0\.5\d|10\.77\.0\.60/);
  expect(await readText(kernel.init, '/proc/net/route')).toMatch(/\t00000000\t01004D0A\t/);
  expect(await ping(kernel, '10.77.0.1', 5000)).toMatchObject({ ok: true, from: '10.77.0.1' });
  // Asked again, the server gives the same.
  expect(await dhcp(kernel.init, device, 8)).toEqual(lease);
});

it.skipIf(isMissing)('its router advertisement gives an address of IPv6, and its server names', async () => {
  const { kernel, card } = await served();
  await configure(kernel, card.index, '10.77.0.2');
  const hasPrefix = async () => /^fd77/m.test(await readText(kernel.init, '/proc/net/if_inet6'));
  for (let i = 0; i < 800 && !(await hasPrefix()); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(await hasPrefix()).toBe(true);
  const { init } = kernel;
  const buffer = await mapBuffer(init, 4096);
  const fd = must('socket', await socket(init, 2, 2));
  must('connect', await connect(init, fd, { address: address('10.77.0.1'), port: 53 }));
  // RFC 1035: host.test, type A, class IN.
  const query = Buffer.from('abcd01000001000000000000' + '04686f7374' + '0474657374' + '00' + '00010001', 'hex');
  init.memory.write(buffer.at, query);
  must('sendto', await send(init, fd, buffer, query.length));
  const length = must('recvfrom', await recv(init, fd, buffer));
  const answer = init.memory.copy(buffer.at, length);
  expect(Buffer.from(answer.subarray(-4)).equals(Buffer.from([192, 0, 2, 7]))).toBe(true);
});
