/** The examples of the documentation show what they are said to show. */

import { expect, it } from 'vitest';
import bufferbloat from '../../examples/simulations/bufferbloat.json' with { type: 'json' };
import cubicBbr from '../../examples/simulations/cubic-bbr.json' with { type: 'json' };
import satellite from '../../examples/simulations/satellite.json' with { type: 'json' };
import { request } from './harness.ts';

interface Flow {
  readonly name: string;
  readonly goodput_bps: number;
  readonly retransmits: number;
  readonly rtt_ms: { readonly p50: number };
}

async function flowsOf(example: unknown): Promise<(name: string) => Flow> {
  const response = await request('/v1/simulations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(example),
  });
  const { flows } = (await response.json()) as { readonly flows: readonly Flow[] };
  expect(response.status).toBe(200);
  return (name) => flows.find((flow) => flow.name === name) ?? expect.fail(`no flow ${name}`);
}

it('bufferbloat: fq_codel keeps round trips short that a deep fifo makes long, at the same goodput', async () => {
  const flow = await flowsOf(bufferbloat);
  expect(flow('ping, fifo').rtt_ms.p50).toBeGreaterThan(200);
  expect(flow('ping, fq_codel').rtt_ms.p50).toBeLessThan(30);
  for (const name of ['upload, fifo', 'upload, fq_codel']) expect(flow(name).goodput_bps).toBeGreaterThan(17e6);
});

it('cubic against BBR: as fast, with a fraction of the delay', async () => {
  const flow = await flowsOf(cubicBbr);
  expect(flow('bbr').goodput_bps).toBeGreaterThan(0.9 * flow('cubic').goodput_bps);
  expect(flow('bbr').rtt_ms.p50).toBeLessThan(flow('cubic').rtt_ms.p50 / 2);
});

it('a lossy satellite link: losses slow cubic down, and BBR much less', async () => {
  const flow = await flowsOf(satellite);
  expect(flow('cubic').retransmits).toBeGreaterThan(0);
  expect(flow('bbr').goodput_bps).toBeGreaterThan(2 * flow('cubic').goodput_bps);
});
