/** Networks that change while they run: every event against what it must do to traffic, and refused where it cannot be. */

import { describe, expect, test } from 'vitest';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { EventSpec, LinkSpec, SimulationRequest, WorkloadSpec } from '../../../src/simulation/plan/request.ts';
import { flow, pingOf, simulate, tcpOf } from '../simulate.ts';

const ends = { from: 'a', to: 'b' } as const;
const network = (
  link: Omit<LinkSpec, 'endpoints'>,
  events: readonly EventSpec[],
  workloads: readonly WorkloadSpec[] = [],
  more: Partial<SimulationRequest> = {},
): SimulationRequest => ({
  seed: 1,
  duration: '10s',
  families: ['ipv4'],
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], ...link }],
  events,
  workloads,
  ...more,
});

function issues(request: SimulationRequest): string[] {
  const planned = planSimulation(request, { nodes: 500, devices: 4000 });
  return 'issues' in planned ? planned.issues.map(({ path }) => path) : [];
}

/** A ping each tenth of a second, to the end. */
const ping = { type: 'ping', ...ends, count: 100, interval: '100ms', timeout: '1s' } as const;

describe('a link changes', () => {
  test('its rate: transfers follow, and come back when the change ends', async () => {
    const answer = await simulate(
      network(
        { rate: '20mbit', delay: '5ms' },
        [{ type: 'link', at: '3s', for: '4s', link: 'a-b', rate: '2mbit' }],
        [
          { type: 'tcp', ...ends, duration: '3s' },
          { type: 'tcp', ...ends, start: '4s', duration: '2500ms' },
          { type: 'tcp', ...ends, start: '7500ms' },
        ],
      ),
    );
    const [before, during, after] = [0, 1, 2].map((i) => tcpOf(answer, i).goodput_bps / 1e6);
    expect(before).toBeGreaterThan(18);
    expect(during).toBeGreaterThan(1.5);
    expect(during).toBeLessThan(2);
    expect(after).toBeGreaterThan(15);
    expect(answer.events).toEqual([
      { time_s: 3, event: 0, says: 'a-b: rate 2mbit' },
      { time_s: 7, event: 0, says: 'a-b: rate as before' },
    ]);
  });

  test('its delay, one way, each second anew', async () => {
    const answer = await simulate(
      network(
        { delay: '10ms' },
        [{ type: 'link', at: '1s', every: '2s', for: '1s', link: 'a-b', way: 'reverse', delay: '40ms' }],
        [ping],
      ),
    );
    const rtt = pingOf(answer).rtt_ms;
    expect(rtt?.min).toBeCloseTo(20, 1);
    expect(rtt?.max).toBeCloseTo(50, 1);
    expect(rtt?.mean).toBeCloseTo(35, 0);
    expect(answer.events).toHaveLength(9);
  });

  test.each([
    ['random losses', { loss: '50%' }],
    ['bursts of them', { loss: { gemodel: { p: '100%', r: '0%' } } }],
  ] as const)('%s come and go: none is left after', async (_, change) => {
    const answer = await simulate(
      network(
        { delay: '1ms' },
        [{ type: 'link', at: '2s', for: '4s', link: 'a-b', way: 'forward', ...change }],
        [ping],
      ),
    );
    const { sent, received } = pingOf(answer);
    const lost = sent - received;
    expect(lost).toBeGreaterThan(10);
    expect(lost).toBeLessThan(42);
    expect(answer.links[0]?.forward.drops.loss).toBe(lost);
  });

  test('its queue becomes another one', async () => {
    const tcp = { type: 'tcp', ...ends, duration: '4s' } as const;
    const answer = await simulate(
      network(
        { rate: '10mbit', delay: '10ms', queue: { kind: 'bfifo', limit: '500kb' } },
        [{ type: 'link', at: '5s', link: 'a-b', queue: 'fq_codel' }],
        [tcp, { ...tcp, start: '5s' }],
        { samples: { interval: '100ms' } },
      ),
    );
    expect(tcpOf(answer, 0).rtt_ms?.p99).toBeGreaterThan(200);
    expect(tcpOf(answer, 1).rtt_ms?.p99).toBeLessThan(80);
    expect(answer.samples.flatMap(({ events = [] }) => events)).toEqual(answer.events);
  });

  test('a class of an htb shares what the link has become', async () => {
    const queue = { kind: 'htb', classes: [{ rate: '1mbit' }] };
    const answer = await simulate(
      network(
        { rate: '20mbit', delay: '1ms', queue },
        [{ type: 'link', at: '0s', link: 'a-b', rate: '5mbit' }],
        [{ type: 'tcp', ...ends }],
      ),
    );
    expect(tcpOf(answer).goodput_bps / 1e6).toBeGreaterThan(4.4);
    expect(tcpOf(answer).goodput_bps / 1e6).toBeLessThan(5);
  });
});

describe('a link is cut', () => {
  test.each<[string, EventSpec, number]>([
    ['down and up again', { type: 'down', at: '2s', for: '3s', link: 'a-b' }, 30],
    ['with its node', { type: 'down', at: '2s', for: '3s', node: 'b' }, 30],
    ['a black hole', { type: 'blackhole', at: '2s', for: '3s', link: 'a-b' }, 30],
    ['a black hole on the way back', { type: 'blackhole', at: '2s', for: '3s', link: 'a-b', way: 'reverse' }, 30],
    ['a partition', { type: 'partition', at: '2s', for: '3s', groups: [['a'], ['b']] }, 30],
    ['flapping', { type: 'down', at: '1s', for: '500ms', every: '1s', times: 4, link: 'a-b' }, 20],
  ])('%s', async (_, event, lost) => {
    const answer = await simulate(network({ delay: '1ms' }, [event], [{ ...ping, start: '50ms' }]));
    const { sent, received } = pingOf(answer);
    expect(sent - received).toBe(lost);
    expect(answer.events?.every(({ error }) => error === undefined)).toBe(true);
  });

  test('until an event ends it, whatever cut it', async () => {
    const answer = await simulate(
      network(
        { delay: '1ms' },
        [
          { type: 'down', at: '1s', link: 'a-b' },
          { type: 'down', at: '1s', for: '1s', node: 'a' },
          { type: 'up', at: '4s', link: 'a-b' },
          { type: 'blackhole', at: '6s', link: 'a-b' },
          { type: 'heal', at: '7s' },
        ],
        [{ ...ping, start: '50ms' }],
      ),
    );
    const { sent, received } = pingOf(answer);
    expect(sent - received).toBe(40);
  });

  test('a partition leaves the rest alone', async () => {
    const answer = await simulate({
      ...network({}, [{ type: 'partition', at: '1s', groups: [['a', 'b'], ['c']] }]),
      hosts: { a: {}, b: {}, c: {} },
      links: [{ endpoints: ['a', 'b'] }, { endpoints: ['a', 'c'] }],
      workloads: [ping, { ...ping, to: 'c' }],
    });
    expect(pingOf(answer, 0).received).toBe(100);
    expect(pingOf(answer, 1).received).toBe(10);
  });
});

describe('a partition that does not part', () => {
  const star = (groups: readonly (readonly string[])[]): SimulationRequest => ({
    ...network({}, [{ type: 'partition', at: '1s', groups }]),
    hosts: { a: {}, b: {}, c: {} },
    switches: { s: {} },
    links: ['a', 'b', 'c'].map((name) => ({ endpoints: [name, 's'] as const })),
  });
  const found = (request: SimulationRequest) => {
    const planned = planSimulation(request, { nodes: 500, devices: 4000 });
    return 'issues' in planned ? planned.issues : planned.plan.warnings;
  };

  test('cuts no link: refused', () => {
    expect(found(star([['a', 'b'], ['c']]))).toEqual([
      expect.objectContaining({
        path: 'events[0].groups',
        message: expect.stringMatching(/^it cuts no link: a still reaches c by s, which is in no group/),
      }),
    ]);
    expect(found(star([['a', 'b', 's'], ['c']]))).toEqual([]);
  });

  test('leaves another way: warned of', () => {
    const { links, ...rest } = star([['a'], ['b']]);
    expect(found({ ...rest, switches: {}, routers: { s: {} }, links: [...links, { endpoints: ['a', 'b'] }] })).toEqual([
      {
        path: 'events[0].groups',
        message: 'it does not part them: a still reaches b by s, which is in no group',
      },
    ]);
  });
});

describe('a host changes', () => {
  test('its addresses come, and workloads may be to them', async () => {
    const answer = await simulate(
      network(
        { delay: '1ms' },
        [
          { type: 'address', at: '2s', node: 'b', dev: 'eth0', add: '10.0.0.9/24' },
          { type: 'address', at: '6s', node: 'b', dev: 'eth0', remove: '10.0.0.9/24' },
        ],
        [{ ...ping, to: '10.0.0.9', count: 60, start: '2050ms' }],
      ),
    );
    expect(pingOf(answer)).toMatchObject({ to: 'b', address: '10.0.0.9', sent: 60, received: 40 });
  });

  test('a sysctl that is not there is refused before anything begins', async () => {
    const set = (name: string) =>
      simulate(network({}, [{ type: 'sysctl', at: '5s', node: 'b', set: { [name]: 1 } }], [ping]));
    await expect(set('net.ipv4.icmp_echo_ignore_al')).rejects.toMatchObject({
      issue: { code: 'refused', path: 'events[0].set["net.ipv4.icmp_echo_ignore_al"]', errno: 'ENOENT' },
    });
    // Linux has it once, and not where nodes are.
    await expect(set('net.core.netdev_max_backlog')).rejects.toThrow(/all nodes share it/);
  });

  test('its addresses', async () => {
    const answer = await simulate(
      network(
        { delay: '1ms' },
        [{ type: 'address', at: '5s', node: 'b', dev: 'eth0', remove: '10.0.0.2/24' }],
        [{ ...ping, start: '50ms' }],
      ),
    );
    expect(pingOf(answer).received).toBe(50);
    expect(answer.hosts.b?.state.addresses).toEqual(['127.0.0.1/8 dev lo']);
  });

  test('its routes: traffic takes another way', async () => {
    const answer = await simulate({
      ...network({}, []),
      routers: { r: {}, s: {}, t: {} },
      links: [
        { endpoints: ['a', 'r'], delay: '1ms' },
        { endpoints: ['r', 't'], delay: '1ms' },
        { endpoints: ['t', 'b'], subnet: '10.9.0.0/24' },
        { endpoints: ['a', 's'], delay: '10ms' },
        { endpoints: ['s', 't'], delay: '10ms' },
      ],
      events: [
        { type: 'route', at: '5s', node: 'a', add: { to: '10.9.0.0/24', via: 's' } },
        { type: 'route', at: '8s', node: 'a', remove: { to: '10.9.0.0/24' } },
      ],
      workloads: [{ ...ping, start: '50ms' }],
    });
    const { received, rtt_ms } = pingOf(answer);
    expect(answer.events?.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(received).toBe(100);
    expect(rtt_ms?.min).toBeCloseTo(4, 1);
    expect(rtt_ms?.max).toBeGreaterThan(20);
  });

  test('its sysctls', async () => {
    const answer = await simulate(
      network(
        {},
        [{ type: 'sysctl', at: '5s', node: 'b', set: { 'net.ipv4.icmp_echo_ignore_all': 1 } }],
        [{ ...ping, start: '50ms' }],
      ),
    );
    expect(pingOf(answer).received).toBe(50);
  });

  test('what Linux refuses then is said at its mark', async () => {
    const answer = await simulate(
      network({}, [{ type: 'route', at: '1s', node: 'a', remove: { to: '192.0.2.0/24' } }], [{ ...ping, count: 20 }]),
    );
    expect(answer.events).toEqual([
      { time_s: 1, event: 0, says: 'a: remove route 192.0.2.0/24', error: expect.stringContaining('ESRCH') },
    ]);
    expect(answer.warnings).toEqual([
      { path: 'events[0]', message: expect.stringMatching(/^"a: remove route .*" at 1 s was not done: .*ESRCH/) },
    ]);
  });

  test('a workload begins when an event says so', async () => {
    const answer = await simulate(
      network(
        { rate: '1mbit', delay: '1ms' },
        [{ type: 'start', at: '4s', workload: 'late' }],
        [{ type: 'udp', ...ends, name: 'late', rate: '100kbit', count: 5 }],
      ),
    );
    expect(flow(answer, 0, 'udp')).toMatchObject({ start_s: 4, received: 5 });
  });
});

test('the same request and seed answer the same bytes, events and all', async () => {
  const request = network(
    { rate: '5mbit', delay: '5ms' },
    [{ type: 'link', at: '1s', every: '1s', for: '300ms', link: 'a-b', rate: '1mbit', loss: '1%', jitter: '1ms' }],
    [{ type: 'tcp', ...ends }, ping],
  );
  expect(await simulate(request)).toEqual(await simulate(request));
});

test('a route of another table comes and goes', async () => {
  const add = { to: '10.9.0.0/16', via: 'b', table: 7 };
  const answer = await simulate(
    network({}, [
      { type: 'route', at: '1s', node: 'a', add },
      { type: 'route', at: '2s', node: 'a', add: { ...add, to: '10.8.0.0/16' } },
      { type: 'route', at: '3s', node: 'a', remove: add },
    ]),
  );
  expect(answer.events?.every(({ error }) => error === undefined)).toBe(true);
  expect(answer.hosts.a?.state.routes.filter((route) => route.includes('table 7'))).toEqual([
    '10.8.0.0/16 via 10.0.0.2 dev eth0 table 7',
  ]);
  expect(issues(network({}, [{ type: 'route', at: '1s', node: 'a', add: { ...add, fwmark: 7 } }]))).toEqual([
    'events[0].add.fwmark',
  ]);
});

describe('what cannot be is refused at its place', () => {
  const at = '1s';
  test.each<[EventSpec, string]>([
    [{ type: 'link', at, link: 'x', rate: '1mbit' }, '.link'],
    [{ type: 'link', at, link: 'a-b' }, ''],
    [{ type: 'link', at, link: 'a-b', rate: '1mbit' }, ''],
    [{ type: 'link', at, link: 'a-b', delay: 'x' }, '.delay'],
    [{ type: 'link', at: 'x', link: 'a-b', delay: '1ms' }, '.at'],
    [{ type: 'link', at, every: '1s', for: '1s', link: 'a-b', delay: '1ms' }, '.for'],
    [{ type: 'link', at, times: 2, link: 'a-b', delay: '1ms' }, '.times'],
    [{ type: 'link', at, every: '1us', link: 'a-b', delay: '1ms' }, '.every'],
    [{ type: 'down', at }, ''],
    [{ type: 'down', at, node: 'x' }, '.node'],
    [{ type: 'partition', at, groups: [['a'], ['a', 'x']] }, '.groups[1][0]'],
    [{ type: 'address', at, node: 'a', dev: 'eth1', add: '10.0.0.9/24' }, '.dev'],
    [{ type: 'address', at, node: 'a', dev: 'eth0', add: '10.0.0.9' }, '.add'],
    [{ type: 'address', at, node: 'a', dev: 'eth0' }, ''],
    [{ type: 'route', at, node: 'a', add: { to: 'x', via: 'b' } }, '.add.to'],
    [{ type: 'sysctl', at, node: 'a', set: { 'kernel.hostname': 'x' } }, '.set["kernel.hostname"]'],
    [{ type: 'start', at, workload: 'x' }, '.workload'],
  ])('%j', (event, place) => expect(issues(network({}, [event]))).toContain(`events[0]${place}`));
});
