/** POST /v1/simulations/sweep: one network with several values, as a document, as lines and as a table. */

import { describe, expect, it } from 'vitest';
import { request } from '../harness.ts';

const network = {
  seed: 1,
  duration: '2s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '10ms' }],
  workloads: [
    { type: 'ping', from: 'a', to: 'b', count: 2 },
    { type: 'tcp', from: 'a', to: 'b', bytes: '100kb' },
  ],
};
const sweep = { 'links[0].delay': ['10ms', '20ms'], 'workloads[1].congestion': ['cubic', 'nope'] };

const send = (body: object, query = '', accept = 'application/json') =>
  request(`/v1/simulations/sweep${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  });

interface Run {
  readonly values: Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly flows: readonly { readonly latency_p50_ms?: number; readonly error?: string }[];
  readonly answer?: { readonly hosts: object };
}

describe('a sweep', () => {
  it('runs each combination, and a flow that fails is its own error', async () => {
    const response = await send({ ...network, sweep });
    expect(response.status).toBe(200);
    const { runs } = (await response.json()) as { readonly runs: readonly Run[] };
    expect(runs.map(({ values }) => Object.values(values).join())).toEqual([
      '10ms,cubic',
      '10ms,nope',
      '20ms,cubic',
      '20ms,nope',
    ]);
    expect(runs.map(({ flows }) => Math.round(flows[0]?.latency_p50_ms ?? 0))).toEqual([20, 20, 40, 40]);
    expect(runs.map(({ flows }) => flows[1]?.error !== undefined)).toEqual([false, true, false, true]);
    expect(runs[0]?.answer).toBeUndefined();
  });

  it('is sent line by line, whole where that is asked for', async () => {
    const body = { ...network, sweep: { seed: [1, 2] } };
    const response = await send(body, '?answers=whole&timing=0', 'application/x-ndjson');
    const lines = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => Object.keys(line)[0])).toEqual(['run', 'run', 'end']);
    expect(lines[2]).toEqual({ end: { runs: 2 } });
    const alone = await request('/v1/simulations?timing=0', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...network, seed: 2 }),
    });
    expect(lines[1].run.answer).toEqual(await alone.json());
  });

  it('is a page, with what failed in it', async () => {
    const response = await send(
      { ...network, sweep: { 'links[0].delay': ['1ms', '50ms'], 'workloads[1].congestion': ['cubic', '<none>'] } },
      '',
      'text/html',
    );
    expect(response.headers.get('content-type')).toMatch('text/html');
    const page = await response.text();
    expect(page).toContain('<h2>Goodput by links[0].delay <span class="unit">Mbit/s</span></h2>');
    expect(page).toContain('4 runs · links[0].delay × workloads[1].congestion · 2 failed');
    expect(page).not.toContain('<none>');
  });

  it('is a table of comma-separated values', async () => {
    const response = await send(
      { ...network, sweep: { 'links[0].queue': ['codel', { kind: 'pfifo', limit: 5 }] } },
      '',
      'text/csv',
    );
    expect(response.headers.get('content-type')).toMatch('text/csv');
    const [head, ...rows] = (await response.text()).trimEnd().split('\r\n');
    expect(head).toBe('links[0].queue,flow,type,goodput_bps,latency_p50_ms,latency_p99_ms,loss,retransmits,error');
    expect(rows).toHaveLength(4);
    expect(rows[0]).toMatch(/^codel,ping-0,ping,,\d+/);
    expect(rows[3]).toMatch(/^"{""kind"":""pfifo"",""limit"":5}",tcp-1,tcp,\d+/);
  });

  it.each([
    [{ 'links[1].delay': ['1ms'] }, 'sweep["links[1].delay"]', /no such place/],
    [{ 'links[0].delay': ['1ms', 'soon'] }, 'links[0].delay', /^with links\[0\]\.delay = "soon": "soon" is no time/],
    [{ 'links[0].delay': [5] }, 'links[0].delay', /must be a string, such as "20ms", not 5/],
    [{ seed: Array.from({ length: 1001 }, (_, i) => i) }, 'sweep', /1000 are the most/],
    [{}, 'sweep', /an object of paths/],
  ])('%j is refused before anything runs', async (axes, path, message) => {
    const response = await send({ ...network, sweep: axes });
    expect(response.status).toBe(422);
    const problem = (await response.json()) as { errors: { path: string; message: string }[] };
    expect(problem.errors).toHaveLength(1);
    expect(problem.errors[0]?.path).toBe(path);
    expect(problem.errors[0]?.message).toMatch(message);
  });

  it('says of which runs there was no time', async () => {
    const long = { ...network, duration: '10000s', workloads: [], samples: { interval: '1ms' }, deadline_ms: 500 };
    const response = await send({ ...long, sweep: { seed: [1, 2] } });
    const { runs } = (await response.json()) as { readonly runs: readonly Run[] };
    expect(runs.map(({ error }) => error)).toEqual([
      expect.stringMatching(/not done/),
      expect.stringMatching(/not done/),
    ]);
  });
});
