/** Back ends that only root opens, each with a real peer: this machine's own network, in a namespace of the test's, or vde2's switch. */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newAddress } from '../../src/abi/netlink/address.ts';
import { newLink, setLink } from '../../src/abi/netlink/links/link.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { nodeHost } from '../../src/node/host.ts';
import { attachInterface, type InterfaceSpec } from '../../src/node/net/attach.ts';
import { address, configure, kernelWith, ping, rtnl } from './hosts.ts';
import { source, transfer } from './transfer.ts';

const NETNS = `lkl-${process.pid}`;
const run = (command: string, ...words: readonly string[]): string =>
  execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const inside = (...words: readonly string[]): string => run('ip', 'netns', 'exec', NETNS, ...words);

const kernels: Kernel[] = [];
beforeEach(() => void run('ip', 'netns', 'add', NETNS));
afterEach(() => {
  for (const one of kernels.splice(0)) one.kill();
  run('ip', 'netns', 'del', NETNS);
});

async function host(spec: InterfaceSpec, ...addresses: readonly string[]) {
  const kernel = kernelWith('wall');
  kernels.push(kernel);
  const card = await attachInterface(kernel, spec);
  await configure(kernel, card.index, ...addresses);
  return { kernel, card };
}

/** As net-test does, both ways. */
async function talk(kernel: Kernel, theirs: string, ours: string): Promise<void> {
  expect(await ping(kernel, theirs, 5000)).toMatchObject({ ok: true, from: theirs });
  kernel.init.detach();
  expect(await answered(ours)).toContain('1 received');
  kernel.init.attach();
}

/** The event loop has to go on meanwhile: it is what answers. */
const answered = (to: string): Promise<string> => output('ip', 'netns', 'exec', NETNS, 'python3', '-c', PING, to);

const PING = `
import socket, struct, sys, os
def csum(b):
    s = sum(struct.unpack('!%dH' % (len(b) // 2), b)); s = (s >> 16) + (s & 0xffff); s += s >> 16
    return ~s & 0xffff
to = sys.argv[1]
v6 = ':' in to
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, 58 if v6 else 1)
s.settimeout(5)
body = struct.pack('!BBHHH', 128 if v6 else 8, 0, 0, os.getpid() & 0xffff, 1) + b'x' * 56
if not v6: body = body[:2] + struct.pack('!H', csum(body)) + body[4:]
s.sendto(body, (to, 0))
while True:
    data, who = s.recvfrom(4096)
    reply = data if v6 else data[(data[0] & 15) * 4:]
    if reply[0] == (129 if v6 else 0): break
print('1 received')
`;

function output(command: string, ...words: readonly string[]): Promise<string> {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => texts.push(String(bytes)));
  return new Promise((resolve) => child.on('close', () => resolve(texts.join(''))));
}

const up = (device: string, ...addresses: readonly string[]) => {
  inside('ip', 'link', 'set', 'lo', 'up');
  for (const one of addresses) inside('ip', 'addr', 'add', one, 'dev', device, ...(one.includes(':') ? ['nodad'] : []));
  inside('ip', 'link', 'set', device, 'up');
};

it.each([
  ['without offloads', 0],
  ['with those of hijack-test.sh', 0x8883],
  ['with all', undefined],
] as const)('tap %s: the machine answers, and is answered, and TCP goes through', async (_, offload) => {
  const { kernel, card } = await host({ type: 'tap', param: 'lklt%d', offload }, '10.9.0.2', 'fd09::2');
  const [, tap = ''] = /^tap (lklt\d+)$/.exec(card.what) ?? [];
  run('ip', 'link', 'set', tap, 'netns', NETNS);
  up(tap, '10.9.0.1/24', 'fd09::1/64');
  await talk(kernel, '10.9.0.1', '10.9.0.2');
  await talk(kernel, 'fd09::1', 'fd09::2');
  await download(kernel, '10.9.0.1');
  await card.detach();
  expect(inside('ip', '-o', 'link')).not.toContain(tap);
});

/** The machine's TCP sends and takes 2 MB: of its size and of its content the sum is told. */
async function download(kernel: Kernel, from: string): Promise<void> {
  const server = `
import socket, zlib
s = socket.create_server(('${from}', 5001)); print('ready', flush=True)
c, _ = s.accept(); total = 0; sum = 0
while True:
    d = c.recv(65536)
    if not d: break
    total += len(d); sum = zlib.crc32(d, sum)
c.close(); print(total)
`;
  const child = spawn('ip', ['netns', 'exec', NETNS, 'python3', '-c', server], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const texts: string[] = [];
  const closed = new Promise((resolve) => child.on('close', resolve));
  await new Promise<void>((resolve) =>
    child.stdout.on('data', (bytes) => {
      texts.push(String(bytes));
      resolve();
    }),
  );
  await source(kernel, from, 5001, 2_000_000);
  await closed;
  expect(texts.join('')).toContain('2000000');
}

it('macvtap: a peer on the other end of a veth answers', async () => {
  const { pid } = process;
  run('ip', 'link', 'add', `lkm${pid}`, 'type', 'veth', 'peer', 'name', 'eth9', 'netns', NETNS);
  try {
    run('ip', 'link', 'set', `lkm${pid}`, 'up');
    run('ip', 'link', 'add', 'link', `lkm${pid}`, 'name', 'lklmv0', 'type', 'macvtap', 'mode', 'bridge');
    run('ip', 'link', 'set', 'lklmv0', 'up');
    up('eth9', '10.9.1.1/24');
    const index = run('cat', '/sys/class/net/lklmv0/ifindex').trim();
    const [major, minor] = run('cat', `/sys/class/net/lklmv0/tap${index}/dev`).trim().split(':');
    // Where no udev makes the node.
    if (!existsSync(`/dev/tap${index}`)) run('mknod', `/dev/tap${index}`, 'c', `${major}`, `${minor}`);
    const { kernel } = await host({ type: 'macvtap', param: 'lklmv0' }, '10.9.1.2');
    await talk(kernel, '10.9.1.1', '10.9.1.2');
    rmSync(`/dev/tap${index}`);
  } finally {
    run('ip', 'link', 'del', `lkm${pid}`);
  }
});

it('raw: a peer on the other end of a veth answers', async () => {
  const device = `lkr${process.pid}`;
  run('ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth9', 'netns', NETNS);
  try {
    run('ip', 'link', 'set', device, 'up');
    up('eth9', '10.9.2.1/24');
    const { kernel } = await host({ type: 'raw', param: device }, '10.9.2.2');
    await talk(kernel, '10.9.2.1', '10.9.2.2');
    await download(kernel, '10.9.2.1');
  } finally {
    run('ip', 'link', 'del', device);
  }
});

it('raw: a VLAN tag, which Linux takes out of a frame that it gives a packet socket, is in it again', async () => {
  const [left, right] = [`lkv${process.pid}`, `lkw${process.pid}`];
  run('ip', 'link', 'add', left, 'type', 'veth', 'peer', 'name', right);
  try {
    for (const device of [left, right]) run('ip', 'link', 'set', device, 'up');
    const ends = [await host({ type: 'raw', param: left }), await host({ type: 'raw', param: right })];
    for (const [i, { kernel, card }] of ends.entries()) {
      await rtnl(
        kernel,
        newLink({ kind: 'vlan', link: card.index, id: 5 }, { name: 'tagged', index: 50 }),
        setLink(50, { up: true }),
        newAddress(50, address(`10.9.5.${i + 1}`), 24),
      );
    }
    const [one, two] = ends.map(({ kernel }) => kernel);
    two?.init.detach();
    expect(await ping(one ?? expect.fail('no kernel'), '10.9.5.2', 5000)).toMatchObject({ ok: true });
  } finally {
    run('ip', 'link', 'del', left);
  }
});

it('vde: two kernels on one vde_switch, and a switch that goes away', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-vde-test-'));
  const vde = spawn('vde_switch', ['-s', join(folder, 'switch'), '-M', join(folder, 'mgmt')], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  try {
    while (!existsSync(join(folder, 'switch/ctl'))) await nodeHost.pause(10);
    const spec = { type: 'vde', param: join(folder, 'switch') };
    const one = await host(spec, '10.9.3.1');
    const two = await host(spec, '10.9.3.2');
    two.kernel.init.detach();
    expect(await ping(one.kernel, '10.9.3.2', 5000)).toMatchObject({ ok: true, from: '10.9.3.2' });
    one.kernel.init.detach();
    expect(await transfer(one.kernel, two.kernel, '10.9.3.2', 300_000)).toBe(300_000);
    one.kernel.init.attach();
    const gone = new Promise((resolve) => vde.on('close', resolve));
    vde.kill();
    await gone;
    expect(await ping(one.kernel, '10.9.3.2', 100)).toMatchObject({ ok: false });
  } finally {
    vde.kill();
    rmSync(folder, { recursive: true, force: true });
  }
});
