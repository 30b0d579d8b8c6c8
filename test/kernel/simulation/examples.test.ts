/** The examples of the documentation show what they are said to show. No clock on the wall ends them. */

import { expect, it } from 'vitest';
import bufferDepth from '../../../examples/simulations/buffer-depth.json' with { type: 'json' };
import bufferbloat from '../../../examples/simulations/bufferbloat.json' with { type: 'json' };
import cubicBbr from '../../../examples/simulations/cubic-bbr.json' with { type: 'json' };
import dctcp from '../../../examples/simulations/dctcp.json' with { type: 'json' };
import incast from '../../../examples/simulations/incast.json' with { type: 'json' };
import mptcp from '../../../examples/simulations/mptcp.json' with { type: 'json' };
import natTimeout from '../../../examples/simulations/nat-timeout.json' with { type: 'json' };
import pmtu from '../../../examples/simulations/pmtu-black-hole.json' with { type: 'json' };
import red from '../../../examples/simulations/red.json' with { type: 'json' };
import satellite from '../../../examples/simulations/satellite.json' with { type: 'json' };
import wifi from '../../../examples/simulations/wifi.json' with { type: 'json' };
import { simulation } from '../../../src/api/simulations/schema.ts';
import type { PingResult, TcpResult } from '../../../src/simulation/measure/results.ts';
import { simulate } from '../simulate.ts';

/** As a client sends it: through the schema. */
async function run(example: unknown) {
  const { deadline_ms: _, ...request } = simulation.parse(example);
  const answer = await simulate(request as Parameters<typeof simulate>[0]);
  const flow = (name: string) => answer.flows.find((one) => one.name === name) ?? expect.fail(`no flow ${name}`);
  expect(answer.error).toBeUndefined();
  expect(answer.captures.length).toBeGreaterThan(0);
  return {
    answer,
    flow,
    tcp: (name: string) => flow(name) as TcpResult,
    ping: (name: string) => flow(name) as PingResult,
  };
}
const median = ({ rtt_ms }: TcpResult | PingResult): number => rtt_ms?.p50 ?? expect.fail('no round trip');

it('bufferbloat: fq_codel keeps round trips short that a deep fifo makes long, at the same goodput', async () => {
  const { tcp, ping } = await run(bufferbloat);
  expect(median(ping('ping, fifo'))).toBeGreaterThan(200);
  expect(median(ping('ping, fq_codel'))).toBeLessThan(30);
  for (const name of ['upload, fifo', 'upload, fq_codel']) expect(tcp(name).goodput_bps).toBeGreaterThan(17e6);
});

it('cubic against BBR: as fast, with a fraction of the delay', async () => {
  const { tcp } = await run(cubicBbr);
  expect(tcp('bbr').goodput_bps).toBeGreaterThan(0.9 * tcp('cubic').goodput_bps);
  expect(median(tcp('bbr'))).toBeLessThan(median(tcp('cubic')) / 2);
});

it('a lossy satellite link: losses slow cubic down, and BBR much less', async () => {
  const { tcp } = await run(satellite);
  expect(tcp('cubic').retransmits).toBeGreaterThan(0);
  expect(tcp('bbr').goodput_bps).toBeGreaterThan(2 * tcp('cubic').goodput_bps);
});

it('Wi-Fi that slows down: a fifo sized for the fast rate holds half a second, fq_codel does not', async () => {
  const { answer, tcp, ping } = await run(wifi);
  expect(answer.events?.map(({ time_s, says }) => [time_s, says])).toEqual([
    [10, 'wifi: rate 6mbit'],
    [10, 'fq: rate 6mbit'],
    [20, 'wifi: rate as before'],
    [20, 'fq: rate as before'],
    [30, 'wifi: black hole'],
    [30, 'fq: black hole'],
    [31, 'wifi: passes again'],
    [31, 'fq: passes again'],
  ]);
  expect(ping('ping, fifo').rtt_ms?.p99).toBeGreaterThan(300);
  expect(ping('ping, fq_codel').rtt_ms?.p90).toBeLessThan(60);
  // A second of four tenths of a hundred pings is gone.
  expect(ping('ping, fq_codel').loss).toBeGreaterThan(0.02);
  for (const name of ['download, fifo', 'download, fq_codel']) {
    expect(tcp(name).goodput_bps).toBeGreaterThan(25e6);
    expect(tcp(name).completed).toBe(true);
  }
});

it('cubic against BBR at one bottleneck: BBR wins with a shallow buffer, cubic with a deep one, at 2 BDP they are even', async () => {
  const { tcp } = await run(bufferDepth);
  const share = (depth: string) => {
    const [cubic, bbr] = ['cubic', 'bbr'].map((name) => tcp(`${name}, ${depth} BDP`).goodput_bps) as [number, number];
    return bbr / (cubic + bbr);
  };
  const shares = ['0.5', '1', '2', '4', '8'].map(share);
  // BBR v1 takes no notice of losses: below one product of bandwidth and delay nearly all is its own, whatever the seed.
  expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  expect(shares[0]).toBeGreaterThan(0.85);
  expect(shares[1]).toBeGreaterThan(0.85);
  expect(shares[2]).toBeGreaterThan(0.35);
  expect(shares[2]).toBeLessThan(0.65);
  expect(shares[4]).toBeLessThan(0.25);
}, 120_000);

it('DCTCP holds the queue at the threshold at which it is marked, cubic fills the buffer', async () => {
  const { tcp, ping } = await run(dctcp);
  for (const name of ['dctcp', 'cubic'])
    expect(tcp(`${name} 1`).goodput_bps + tcp(`${name} 2`).goodput_bps).toBeGreaterThan(90e6);
  // Half a millisecond of path there and back, half a millisecond of queue, and a burst of the bucket.
  expect(median(ping('ping, dctcp'))).toBeLessThan(1.5);
  expect(median(ping('ping, cubic'))).toBeGreaterThan(20);
  expect(tcp('dctcp 1').retransmits + tcp('dctcp 2').retransmits).toBe(0);
}, 60_000);

it('RED holds the average queue between its thresholds at full use, a fifo of the same size is full', async () => {
  const { tcp } = await run(red);
  const queueBytes = (name: string) => ((median(tcp(name)) - 40) / 1000) * (20e6 / 8);
  expect(queueBytes('reno, red')).toBeGreaterThan(30 * 1024);
  expect(queueBytes('reno, red')).toBeLessThan(90 * 1024);
  expect(queueBytes('reno, fifo')).toBeGreaterThan(250 * 1024);
  for (const name of ['reno, red', 'reno, fifo']) expect(tcp(name).goodput_bps).toBeGreaterThan(18.5e6);
}, 60_000);

it('incast: 32 answers at once collapse in a shallow port; timeouts of a millisecond end that', async () => {
  const { answer } = await run(incast);
  const slowest = (which: string) =>
    Math.max(
      ...answer.flows.flatMap((one) => (one.type === 'tcp' && one.name.endsWith(which) ? [one.duration_s] : [])),
    );
  // 8 MiB at 1 Gbit/s are 70 ms; a timeout is 200 ms at least.
  expect(slowest('usual')).toBeGreaterThan(0.25);
  expect(slowest('fast')).toBeLessThan(0.12);
}, 60_000);

it('MPTCP carries over two paths what one path cannot', async () => {
  const { tcp } = await run(mptcp);
  expect(tcp('one path').goodput_bps).toBeLessThan(9.6e6);
  expect(tcp('two paths').goodput_bps).toBeGreaterThan(14e6);
  expect(tcp('one path').subflows).toBeUndefined();
  const subflows = tcp('two paths').subflows ?? [];
  // From both of the sender's addresses, each to a port of the flow.
  expect(new Set(subflows.map(({ local }) => local.split(':')[0]))).toEqual(new Set(['10.0.0.1', '10.0.1.1']));
  expect(subflows.every(({ remote }) => remote.endsWith(':5002'))).toBe(true);
  expect(subflows.some(({ min_rtt_ms }) => min_rtt_ms < 21)).toBe(true);
  const sum = subflows.reduce((all, { goodput_bps }) => all + goodput_bps, 0);
  expect(sum / tcp('two paths').goodput_bps).toBeCloseTo(1, 1);
});

it('a path MTU black hole: a transfer hangs, tcp_mtu_probing finds its way, a clamped segment size never meets it', async () => {
  const { answer, tcp } = await run(pmtu);
  expect(tcp('deaf')).toMatchObject({ completed: false, bytes: 0 });
  expect(tcp('probing').completed).toBe(true);
  expect(tcp('probing').duration_s).toBeGreaterThan(3);
  expect(tcp('clamped').duration_s).toBeLessThan(0.7);
  expect(answer.hosts['r-deaf']?.state.nftables?.counters).toEqual([
    expect.objectContaining({ chain: 'out', comment: 'no ICMP leaves', packets: expect.any(Number) }),
  ]);
});

it('a NAT that forgets a connection in its silence ends it, one that is patient does not', async () => {
  const { answer, flow } = await run(natTimeout);
  expect(flow('forgetful')).toMatchObject({ type: 'rr', transactions: 1 });
  expect(flow('patient')).toMatchObject({ type: 'rr', transactions: 4 });
  const dropped = answer.hosts['nat-forgetful']?.state.nftables?.counters.find(({ comment }) => comment !== undefined);
  expect(dropped?.packets).toBeGreaterThan(3);
});
