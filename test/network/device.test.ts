/** The virtio-net device in real kernels: cables, carriers, offloads, hot plug, and what is saved. */

import { afterEach, expect, it } from 'vitest';
import { getLink, parseLink } from '../../src/abi/netlink/links/link.ts';
import type { ClockPolicy } from '../../src/kernel/host.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { freshMachine } from '../../src/kernel/snapshot/snapshot.ts';
import { resume, suspend } from '../../src/kernel/snapshot/suspend.ts';
import { NetlinkSocket } from '../../src/kernel/syscalls/netlink.ts';
import { readText } from '../../src/kernel/sysfs.ts';
import { ALL_OFFLOADS, type NetPort } from '../../src/kernel/virtio/net-backend.ts';
import { link } from '../../src/network/link.ts';
import { nodeHost } from '../../src/node/host.ts';
import { kernelModule, snapshot } from '../kernel/restored.ts';
import { configure, kernelWith, ping } from './hosts.ts';
import { transfer } from './transfer.ts';

const kernels: Kernel[] = [];
const kernel = (clock: ClockPolicy): Kernel => {
  const one = kernelWith(clock);
  kernels.push(one);
  return one;
};
afterEach(() => {
  for (const one of kernels.splice(0)) one.kill();
});

/** Two kernels with a cable between them: 10.0.0.1 and 10.0.0.2. */
async function pair(clock: ClockPolicy, offloads: bigint, mtu?: number) {
  const [a, b] = [kernel(clock), kernel(clock)];
  const [left, right] = link({ offloads });
  const one = await a.nets.attach(left, { mtu });
  const two = await b.nets.attach(right, { mtu });
  await configure(a, one.index, '10.0.0.1', 'fd00::1');
  await configure(b, two.index, '10.0.0.2', 'fd00::2');
  return { a, b, one, two };
}

const statsOf = async (of: Kernel) => {
  const rtnl = await NetlinkSocket.open(of.init);
  const [answer] = await rtnl.ask(getLink({ name: 'eth0' }));
  return answer ? parseLink(answer.payload) : expect.fail('no eth0');
};

it.each(['virtual', 'wall'] as const)('two kernels ping each other over a link, clock %s', async (clock) => {
  const { a, b } = await pair(clock, ALL_OFFLOADS);
  b.init.detach();
  expect(await ping(a, '10.0.0.2')).toMatchObject({ ok: true, from: '10.0.0.2' });
  expect(await ping(a, 'fd00::2')).toMatchObject({ ok: true, from: 'fd00::2' });
  b.init.attach();
  a.init.detach();
  expect(await ping(b, '10.0.0.1')).toMatchObject({ ok: true });
  b.init.detach();
  a.init.attach();
  expect(await ping(a, '10.0.0.9', 100)).toMatchObject({ ok: false });
});

it.each([
  ['all offloads', ALL_OFFLOADS, undefined],
  ['no offloads', 0n, undefined],
  ['no offloads and jumbo frames', 0n, 9000],
  ['an MTU of 68 to 65,535', 0n, 65_535],
] as const)('TCP carries every byte over a link: %s', async (_, offloads, mtu) => {
  const { a, b } = await pair('wall', offloads, mtu);
  for (const one of [a, b]) one.init.detach();
  expect(await transfer(a, b, '10.0.0.2', 3_000_001)).toBe(3_000_001);
  a.init.attach();
  const { stats } = await statsOf(a);
  const mean = stats.tx_bytes / stats.tx_packets;
  // With offloads (or a large MTU) frames are larger than Ethernet's.
  if (offloads === 0n && mtu === undefined) expect(mean).toBeLessThan(1515);
  else expect(mean).toBeGreaterThan(3000);
});

it('a pulled card takes its device along; another may come', async () => {
  const { a, b, one } = await pair('virtual', ALL_OFFLOADS);
  b.init.detach();
  await a.nets.detach(one);
  expect(a.nets.all).toEqual([]);
  await expect(ping(a, '10.0.0.2')).rejects.toThrow('ENETUNREACH');
  const [left] = link();
  for (let i = 0; i < 3; i++) {
    const again = await a.nets.attach(left);
    expect(again).toMatchObject({ slot: 0, name: 'eth0' });
    await a.nets.detach(again);
  }
  await expect(a.nets.detach(one)).rejects.toThrow('no network card in slot 0');
});

it('a card beyond the last slot is refused, and its back end is closed', async () => {
  const a = kernel('virtual');
  for (let i = 0; i < 24; i++) expect(await a.nets.attach(link()[0])).toMatchObject({ name: `eth${i}` });
  let closed = 0;
  const backend = { ...link()[0], close: () => void closed++ };
  await expect(a.nets.attach(backend)).rejects.toThrow('all 24 device slots are taken');
  expect(closed).toBe(1);
});

it('the carrier is the cable: gone with the other end', async () => {
  const { a, b, two } = await pair('wall', ALL_OFFLOADS);
  const carrier = () => readText(a.init, '/sys/class/net/eth0/carrier');
  while ((await carrier()) !== '1') await nodeHost.turn();
  await b.nets.detach(two);
  b.init.detach();
  // Its driver hears of it, and asks.
  while ((await carrier()) !== '0') await nodeHost.turn();
});

it('a kernel goes on with its card, addresses and counters, and a new cable', async () => {
  const { a, b, one } = await pair('virtual', ALL_OFFLOADS);
  b.init.detach();
  expect(await ping(a, '10.0.0.2')).toMatchObject({ ok: true });
  const before = (await statsOf(a)).stats.tx_packets;
  const clean = () => freshMachine(kernelModule, snapshot, 32).memory.bytes;
  const suspended = await suspend(a, { clean, turn: nodeHost.turn });
  a.kill();
  const machine = freshMachine(kernelModule, snapshot, 32);
  const state = JSON.parse(JSON.stringify(suspended.state));
  const again = await resume(machine, { ...suspended, state }, snapshot.buildId, { host: nodeHost, memoryMib: 32 });
  kernels.push(again);
  expect(again.nets.all).toMatchObject([{ slot: one.slot, name: 'eth0', mac: one.mac }]);
  // A kernel that was suspended has its cards, and nothing in them.
  while ((await readText(again.init, '/sys/class/net/eth0/carrier')) !== '0') await nodeHost.turn();
  const [left, right] = link();
  const [card] = again.nets.all;
  const other = kernel('virtual');
  const theirs = await other.nets.attach(right);
  await configure(other, theirs.index, '10.0.0.2');
  other.init.detach();
  await again.nets.replug(card ?? expect.fail('no card'), left);
  expect(await ping(again, '10.0.0.2', 5000)).toMatchObject({ ok: true });
  expect((await statsOf(again)).stats.tx_packets).toBeGreaterThan(before);
});

it('frames that no card could take, and frames after the end, hurt nobody', async () => {
  const a = kernel('wall');
  let port: NetPort | undefined;
  const card = await a.nets.attach({
    offloads: ALL_OFFLOADS,
    isOutside: true,
    open: (own) => {
      port = own;
    },
    send: () => {
      throw new Error('the cable is cut');
    },
    close: () => {},
  });
  const to = port ?? expect.fail('not opened');
  expect(to.deliver(new Uint8Array(60))).toBe(true);
  await configure(a, card.index, '10.0.0.1');
  for (const length of [0, 1, 13, 14, 60, 1514, 65_553, 65_554, 1_000_000]) {
    expect(to.deliver(new Uint8Array(length).fill(0xff))).toBe(length >= 14 && length <= 65_553);
  }
  // Headers that lie: Linux throws such frames away.
  for (let i = 0; i < 200; i++) {
    const header = Uint8Array.from({ length: 12 }, (_, at) => (i * 37 + at * 91) & 0xff);
    to.deliver(new Uint8Array(200).fill(i), header);
  }
  // More than there is room for is lost, and counted.
  let lost = 0;
  for (let i = 0; i < 2000; i++) if (!to.deliver(new Uint8Array(60))) lost++;
  expect(lost).toBeGreaterThan(0);
  expect(card.dropped).toBeGreaterThanOrEqual(lost);
  await to.room;
  expect(await ping(a, '10.0.0.2', 50)).toMatchObject({ ok: false });
  expect(card.lastError).toEqual(new Error('the cable is cut'));
  a.kill();
  expect(to.deliver(new Uint8Array(60))).toBe(false);
});
