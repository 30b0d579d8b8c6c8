/** POST /v1/simulations: the documented request, what is impossible, and the same bytes for the same seed. */

import { describe, expect, it } from 'vitest';
import { toBase64 } from '../../../src/bytes/base64.ts';
import { readmeExample } from '../../../src/simulation/hijack/hijack-example.ts';
import { request } from '../harness.ts';

type Json = Record<string, unknown>;
interface Answer extends Json {
  readonly flows: readonly (Json & { readonly rtt_ms?: { readonly min: number } })[];
  readonly captures: readonly (Json & { readonly pcapng?: string })[];
}

/** As in the documentation. */
const example = {
  seed: 1,
  duration: '10s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms' }],
  workloads: [
    { type: 'tcp', from: 'a', to: 'b', duration: '10s', congestion: 'cubic' },
    { type: 'ping', from: 'a', to: 'b', count: 5 },
  ],
  capture: ['b'],
};
const ping = { type: 'ping', from: 'a', to: 'b', count: 1 };
const pings = { ...example, workloads: [ping] };

const send = (body: Json, query = '', accept = 'application/json') =>
  request(`/v1/simulations${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  });

async function run(body: Json, query = ''): Promise<Answer> {
  const response = await send(body, query);
  const answer = (await response.json()) as Answer;
  expect(answer).toHaveProperty('flows');
  expect(response.status).toBe(200);
  return answer;
}

describe('a simulation', () => {
  it('answers the documented request as documented', async () => {
    const answer = await run(example);
    const [tcp, ping] = answer.flows;
    expect(answer).toMatchObject({ virtual_s: expect.closeTo(10, 3), wall_s: expect.any(Number) });
    expect(tcp).toMatchObject({ type: 'tcp', goodput_bps: expect.closeTo(9.5e6, -5) });
    expect(ping?.rtt_ms?.min).toBeCloseTo(40, 2);
    expect(answer.captures).toMatchObject([{ node: 'b', interface: 'eth0', dropped: 0 }]);
  });

  it('answers the same bytes ten times beside others, and other bytes for another seed', async () => {
    const lossy = {
      ...example,
      duration: '2s',
      links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms', jitter: '2ms', loss: '1%' }],
      samples: { interval: '200ms' },
    };
    const text = async (seed: number) => (await send({ ...lossy, seed }, '?timing=0&pcap=inline')).text();
    const first = await text(1);
    const others = [];
    for (let i = 1; i < 10; i++) {
      const [again, other] = await Promise.all([text(1), text(100 + i)]);
      expect(again).toBe(first);
      others.push(other);
    }
    expect(new Set(others).size).toBe(9);
    expect(await text(2)).not.toBe(first);
  });

  it("takes LKL's hijack object for a host", async () => {
    const answer = await run({
      hosts: { a: { hijack: readmeExample }, b: {}, c: {} },
      links: [{ endpoints: ['a', 'b'] }, { endpoints: ['a', 'c'] }],
      workloads: [ping],
    });
    expect(answer.flows).toMatchObject([{ received: 1, address: '192.168.0.1' }]);
    expect(answer.hosts).toMatchObject({ a: { hijack: { notes: expect.any(Array) } } });
  });

  it('runs programs on hosts, and a set-up of theirs; one that fails is told at its place', async () => {
    const exec = { type: 'exec', on: 'a', command: 'tc qdisc show dev eth0; ping -c 1 10.0.0.2' };
    const hosts = { a: { setup: ['tc qdisc replace dev eth0 root cake bandwidth 2mbit'] }, b: {} };
    const answer = await run({ ...pings, hosts, workloads: [exec] });
    expect(answer.flows).toMatchObject([{ type: 'exec', completed: true, exit_code: 0, stderr: '' }]);
    expect(answer.flows[0]?.stdout).toMatch(/bandwidth 2Mbit.*\n.*1 packets received/s);
    const failed = await send({ ...pings, hosts: { ...hosts, b: { setup: [['false']] } } });
    expect(failed.status).toBe(422);
    expect(await failed.json()).toMatchObject({
      errors: [{ code: 'set-up', path: 'hosts.b.setup[0]', message: 'false ended with 1' }],
    });
  });

  it('plays system calls on a host', async () => {
    const batch = [
      { call: 'getpid', as: 'pid' },
      { call: 'openat', args: ['AT_FDCWD', '/nope', 'O_RDONLY'] },
    ];
    const answer = await run({ ...pings, workloads: [{ type: 'syscalls', on: 'a', batch }] });
    expect(answer.flows).toMatchObject([
      { type: 'syscalls', completed: true, result: { results: [{}, { errno: 'ENOENT' }] } },
    ]);
  });
});

describe('two hundred hosts', () => {
  const names = Array.from({ length: 200 }, (_, i) => `h${i}`);

  it('fit into one request, all of them busy', async () => {
    const answer = await run({
      hosts: Object.fromEntries(names.map((name) => [name, {}])),
      switches: { s: {} },
      links: names.map((name) => ({ endpoints: [name, 's'], rate: '100mbit', delay: '1ms' })),
      workloads: names.map((from, i) => ({
        type: 'ping',
        from,
        to: names[(i + 7) % 200],
        count: 3,
        interval: '100ms',
      })),
    });
    expect(answer.flows.filter(({ received }) => received === 3)).toHaveLength(200);
    expect(Object.keys(answer.hosts as Json)).toHaveLength(201);
  });
});

describe('many workloads in the memory they are expected to need', () => {
  const ends = { from: 'a', to: 'b' };
  const sizes = [
    [1000, 50],
    [10_000, 90],
    [100_000, 100],
  ];
  it.each<[string, number, Json]>([
    ['a thousand pings', 1000, ping],
    ['three hundred datagrams', 300, { type: 'udp', ...ends, rate: '1mbit', count: 1 }],
    ['128 streams', 1, { type: 'tcp', ...ends, parallel: 128, bytes: '4mb' }],
    ['a mix of small flows', 1, { type: 'flows', ...ends, sizes, perSecond: 20, count: 100 }],
  ])('%s', async (_, count, workload) => {
    const workloads = Array.from({ length: count }, () => workload);
    const answer = await run({ ...example, duration: '30s', workloads, capture: [] });
    expect(answer.flows.filter(({ completed }) => completed)).toHaveLength(count);
  });
});

describe('captures', () => {
  const bulk = { type: 'tcp', from: 'a', to: 'b', duration: '2s' };
  const PCAPNG = 'application/x-pcapng';

  it('come as they are, or inside the answer: the same bytes', async () => {
    const response = await send(pings, '?capture=b', PCAPNG);
    expect(response.status).toBe(200);
    const file = new Uint8Array(await response.arrayBuffer());
    expect([...file.subarray(0, 4)]).toEqual([0x0a, 0x0d, 0x0d, 0x0a]);
    const { captures } = await run(pings, '?pcap=inline');
    expect(atob(captures[0]?.pcapng ?? '')).toBe(String.fromCharCode(...file));
    expect(captures[0]).toMatchObject({ bytes: file.length });
  });

  it('larger than what may wait come whole to a slow reader, and fit no document', async () => {
    const fast = { ...example, duration: '2s', links: [{ endpoints: ['a', 'b'], rate: '100mbit', delay: '1ms' }] };
    const { captures } = await run({ ...fast, workloads: [bulk] });
    const response = await send({ ...fast, workloads: [bulk] }, '', PCAPNG);
    await scheduler.wait(3000);
    const file = await response.arrayBuffer();
    expect(file.byteLength).toBeGreaterThan(20e6);
    expect(captures[0]).toMatchObject({ bytes: file.byteLength, dropped: 0 });

    const refused = await send({ ...fast, workloads: [bulk] }, '?pcap=inline');
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'over-budget', path: 'capture' }] });
  });

  it('that were not made cannot be had', async () => {
    const response = await send(pings, '?capture=a', PCAPNG);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ type: '/problems/invalid-request' });
  });
});

describe('lines', () => {
  it('are samples while it runs, then its end', async () => {
    const response = await send({ ...example, samples: { interval: '1s' } }, '?timing=0', 'application/x-ndjson');
    const lines = (await new Response(await response.arrayBuffer()).text())
      .trimEnd()
      .split('\n')
      .map((line): Json => JSON.parse(line));
    expect(lines.length).toBeGreaterThanOrEqual(10);
    expect(lines[0]).toMatchObject({ sample: { time_s: 1 } });
    expect(lines.at(-1)).toMatchObject({ end: { seed: 1, flows: [{ type: 'tcp' }, { type: 'ping' }] } });
    expect(lines.at(-1)).not.toHaveProperty('end.wall_s');
  });

  it('come while it runs: the first long before the end', async () => {
    // By itself it would take minutes; it is given up once the first line is here.
    const endless = { ...example, duration: '7200s', capture: [], workloads: [{ type: 'tcp', from: 'a', to: 'b' }] };
    const response = await send({ ...endless, deadline_ms: 300_000 }, '', 'application/x-ndjson');
    const reader = response.body?.getReader();
    const { value, done } = (await reader?.read()) ?? { done: true };
    expect(done).toBe(false);
    expect(JSON.parse(new TextDecoder().decode(value).split('\n')[0] ?? '')).toEqual({ progress: { time_s: 72 } });
    await reader?.cancel();
  });

  it('without samples tell of progress, a hundred times', async () => {
    const response = await send({ ...example, capture: [] }, '', 'application/x-ndjson');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('{"progress":'))).toHaveLength(lines.length - 1);
    expect(lines.length).toBeGreaterThan(90);
  });
});

it('a form has the answer, and each capture as a file', async () => {
  const request = { ...example, duration: '1s', capture: ['a', 'b'] };
  const form = await (await send(request, '?timing=0', 'multipart/form-data')).formData();
  const files = form.getAll('capture') as unknown as File[];
  expect(files.map(({ name }) => name)).toEqual(['a-eth0.pcapng', 'b-eth0.pcapng']);
  const inline = (await (await send(request, '?timing=0&pcap=inline')).json()) as { captures: { pcapng: string }[] };
  const encoded = await Promise.all(files.map(async (file) => toBase64(new Uint8Array(await file.arrayBuffer()))));
  expect(encoded).toEqual(inline.captures.map(({ pcapng }) => pcapng));
  const answer = form.get('answer') as unknown as File;
  const captures = inline.captures.map(({ pcapng: _, ...capture }) => capture);
  expect(JSON.parse(await answer.text())).toEqual({ ...inline, captures });
});

it('an Accept that names nothing offered is answered as JSON', async () => {
  const response = await send(pings, '', 'image/png');
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
});

describe('a page', () => {
  it('has samples chosen for it, and escapes what the request calls things', async () => {
    const name = '<script>alert(1)</script>';
    const response = await send(
      { ...example, workloads: [{ ...example.workloads[0], name }] },
      '?timing=0',
      'text/html',
    );
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    const page = await response.text();
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toContain(name);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    const [, charts = ''] = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(page) ?? [];
    const drawn: { title: string; unit: string; times: number[]; lines: { label: string }[] }[] = JSON.parse(charts);
    expect(drawn.map(({ title, unit }) => [title, unit])).toEqual([
      ['Throughput', 'Mbit/s'],
      ['Latency under load', 'ms'],
      ['Distribution of times', '% that took no longer, by ms'],
      ['Congestion window', 'segments'],
      ['Use of links', '%'],
      ['Queue in time', 'ms'],
      ['Queue', 'kB'],
      ['Lost and dropped packets, in all', 'packets'],
    ]);
    expect(drawn[0]).toMatchObject({ lines: [{ label: name }] });
    expect(drawn[0]?.times.slice(0, 2)).toEqual([0.02, 0.04]);
  });

  it('that a person asks a browser for is one', async () => {
    const response = await send(pings, '', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8');
    expect(await response.text()).toMatch(/^<!doctype html>/);
  });
});

describe('a client that goes away', () => {
  it('takes its kernel with it: the memory is free for the next', async () => {
    const long = { ...example, duration: '86000s', samples: { interval: '1s' }, capture: [], deadline_ms: 300_000 };
    const workloads = [{ type: 'tcp', from: 'a', to: 'b' }];
    // It would take minutes, and each may have more than a third of the memory: a third one would wait in vain.
    const links = [{ ...example.links[0], queue: { kind: 'bfifo', limit: '4mb' } }];
    for (let i = 0; i < 4; i++) {
      const response = await send({ ...long, links, workloads }, '', 'application/x-ndjson');
      expect(response.status).toBe(200);
      await response.body?.cancel();
    }
  });
});

describe('what is impossible', () => {
  const link = { endpoints: ['a', 'b'] };
  it.each<[string, Json, string, string]>([
    ['a host nobody knows', { workloads: [{ ...ping, to: 'z' }] }, 'unknown-node', 'workloads[0].to'],
    ['a link to a host nobody knows', { links: [{ endpoints: ['a', 'z'] }] }, 'unknown-node', 'links[0].endpoints[1]'],
    [
      'one address for two',
      {
        hosts: {
          a: { interfaces: { eth0: { addresses: ['10.9.0.1/24'] } } },
          b: { interfaces: { eth0: { addresses: ['10.9.0.1/24'] } } },
        },
      },
      'address-clash',
      'hosts.b.interfaces.eth0.addresses[0]',
    ],
    [
      'hosts without a way between them',
      {
        hosts: { a: {}, b: {}, c: {}, d: {} },
        links: [{ endpoints: ['a', 'c'] }, { endpoints: ['b', 'd'] }],
      },
      'unreachable',
      'workloads[0].to',
    ],
    [
      'two links at one interface',
      { links: [{ endpoints: ['a:eth0', 'b'] }, { endpoints: ['a:eth0', 'b'] }] },
      'duplicate',
      'links[1].endpoints[0]',
    ],
    [
      'traffic at no rate',
      { workloads: [{ type: 'udp', from: 'a', to: 'b', rate: '0bit' }] },
      'impossible-rate',
      'workloads[0].rate',
    ],
    ['a capture of a node nobody knows', { capture: ['z'] }, 'unknown-node', 'capture[0]'],
    ['a duration without an end', { duration: '100000s' }, 'bad-option', 'duration'],
    ['a queue that is none', { links: [{ ...link, rate: '1mbit', queue: 'lifo' }] }, 'bad-option', 'links[0].queue'],
    ['a rate no link has', { links: [{ ...link, rate: '1bit' }] }, 'impossible-rate', 'links[0].rate'],
    ['a rate that is none', { links: [{ ...link, rate: 'fast' }] }, 'bad-unit', 'links[0].rate'],
    [
      'more than the memory holds',
      {
        hosts: Object.fromEntries(['a', 'b', ...Array.from({ length: 480 }, (_, i) => `h${i}`)].map((n) => [n, {}])),
        links: [link, ...Array.from({ length: 480 }, (_, i) => ({ endpoints: ['a', `h${i}`] }))],
      },
      'over-budget',
      'links',
    ],
  ])('%s is said with its place', async (_, change, code, path) => {
    const response = await send({ ...pings, capture: [], ...change });
    const problem = (await response.json()) as { errors: Json[] };
    expect(problem).toMatchObject({ type: '/problems/bad-simulation', status: 422 });
    expect(problem.errors.map((error) => [error.code, error.path])).toContainEqual([code, path]);
  });

  it('a workload without an end is cut off when virtual time is over', async () => {
    const endless = { type: 'rr', from: 'a', to: 'b', count: 1_000_000 };
    const answer = await run({ ...example, duration: '1s', workloads: [endless], capture: [] });
    expect(answer).toMatchObject({ virtual_s: expect.closeTo(1, 6), flows: [{ completed: false }] });
  });

  it('a host by the name of __proto__ is refused', async () => {
    const hosts = JSON.parse('{"a": {}, "b": {}, "__proto__": {}}');
    const response = await send({ ...pings, hosts });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ path: 'hosts.__proto__' }] });
  });

  it('a key that is none is refused with its place', async () => {
    const response = await send({ ...example, links: [{ ...link, bandwidth: '10mbit' }] });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [{ path: 'links[0].bandwidth', message: expect.stringMatching(/^there is no such member; there are /) }],
    });
  });

  it.each<[string, Json, string, string]>([
    [
      'a sysctl it does not have',
      { hosts: { a: { sysctls: { 'net.ipv4.nope': 1 } }, b: {} } },
      'hosts.a.sysctls["net.ipv4.nope"]',
      'ENOENT',
    ],
    [
      'one that is not for hosts',
      { hosts: { a: { sysctls: { 'net.core.dev_weight': 1 } }, b: {} } },
      'hosts.a.sysctls["net.core.dev_weight"]',
      'EACCES',
    ],
    [
      'a value it does not take',
      { hosts: { a: {}, b: { sysctls: { 'net.ipv4.tcp_ecn': 'maybe' } } } },
      'hosts.b.sysctls["net.ipv4.tcp_ecn"]',
      'EINVAL',
    ],
    [
      'an option of a queue',
      { links: [{ ...link, queue: { kind: 'fq_codel', flows: 4_000_000_000 } }] },
      'links[0].queue',
      'EINVAL',
    ],
    [
      'a gateway nobody is',
      { hosts: { a: { routes: [{ to: '10.9.0.0/16', via: '10.8.0.1' }] }, b: {} } },
      'hosts.a.routes[0]',
      'ENETUNREACH',
    ],
  ])('%s is refused by Linux, and said with its place', async (_, change, path, errno) => {
    const response = await send({ ...pings, capture: [], ...change });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      type: '/problems/bad-simulation',
      errors: [{ in: 'json', code: 'refused', path, errno }],
    });
  });

  it('one that takes longer than it may is broken off', async () => {
    const busy = { type: 'tcp', from: 'a', to: 'b' };
    const response = await send({
      ...example,
      duration: '3600s',
      links: [{ ...link, rate: '1gbit', delay: '1ms' }],
      workloads: [busy],
      capture: [],
      deadline_ms: 200,
    });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      type: '/problems/kernel-deadline',
      errors: [{ in: 'json', code: 'deadline', path: 'deadline_ms' }],
    });
  });
});
