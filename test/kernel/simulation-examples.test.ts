/** The examples of the documentation show what they are said to show. No clock on the wall ends them. */

import { expect, it } from 'vitest';
import bufferbloat from '../../examples/simulations/bufferbloat.json' with { type: 'json' };
import cubicBbr from '../../examples/simulations/cubic-bbr.json' with { type: 'json' };
import satellite from '../../examples/simulations/satellite.json' with { type: 'json' };
import wifi from '../../examples/simulations/wifi.json' with { type: 'json' };
import { simulation } from '../../src/api/simulations/schema.ts';
import type { PingResult, TcpResult } from '../../src/simulation/measure/results.ts';
import { simulate } from './simulate.ts';

/** As a client sends it: through the schema. */
async function run(example: unknown) {
  const { deadline_ms: _, ...request } = simulation.parse(example);
  const answer = await simulate(request as Parameters<typeof simulate>[0]);
  const flow = (name: string) => answer.flows.find((one) => one.name === name) ?? expect.fail(`no flow ${name}`);
  expect(answer.error).toBeUndefined();
  expect(answer.captures.length).toBeGreaterThan(0);
  return { answer, tcp: (name: string) => flow(name) as TcpResult, ping: (name: string) => flow(name) as PingResult };
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
