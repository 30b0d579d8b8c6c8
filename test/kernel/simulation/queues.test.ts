/** Every kind of queue in tc's words: taken by Linux with its options, and it does to traffic what tc(8) says. */

import { describe, expect, test } from 'vitest';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { LinkSpec, QueueSpec, SimulationRequest, WorkloadSpec } from '../../../src/simulation/plan/request.ts';
import { flow, pingOf, simulate, tcpOf } from '../simulate.ts';

const ends = { from: 'a', to: 'b' } as const;
const network = (
  link: Omit<LinkSpec, 'endpoints'>,
  workloads: readonly WorkloadSpec[] = [],
  more: Partial<SimulationRequest> = {},
): SimulationRequest => ({
  seed: 1,
  duration: '5s',
  families: ['ipv4'],
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], ...link }],
  workloads,
  ...more,
});
const udp = (rate: string, more: object = {}): WorkloadSpec => ({
  type: 'udp',
  ...ends,
  rate,
  duration: '4s',
  ...more,
});
const toPort = (dport: number) => ({ protocol: 'udp', dport });
const goodput = (answer: Awaited<ReturnType<typeof simulate>>, i: number) =>
  (flow(answer, i, 'udp').goodput_bps ?? 0) / 1e6;

const kinds: readonly QueueSpec[] = [
  { kind: 'pfifo_head_drop', limit: 50 },
  { kind: 'pfifo_fast' },
  {
    kind: 'sfb',
    limit: 500,
    max: 30,
    target: 20,
    increment: '0.1%',
    decrement: 0.0002,
    rehash: '600s',
    db: '60s',
    penalty_rate: 11,
    penalty_burst: 22,
  },
  { kind: 'choke', limit: 1000, min: 83, max: 250, burst: 200, ecn: true, bandwidth: '10mbit', probability: 0.02 },
  {
    kind: 'hhf',
    limit: 1000,
    quantum: 1514,
    hh_limit: 100,
    reset_timeout: '50ms',
    admit_bytes: '128kb',
    evict_timeout: '2s',
    non_hh_weight: 3,
  },
  { kind: 'ets', bands: 4, strict: 2, quanta: [3000, 1500], priomap: [0, 1, 2, 3] },
  { kind: 'multiq' },
  { kind: 'skbprio', limit: 64 },
  { kind: 'prio', bands: 4, priomap: [0, 1, 2, 3] },
  { kind: 'drr', classes: [{ quantum: 1514, match: toPort(5001) }, {}] },
  {
    kind: 'qfq',
    classes: [
      { weight: 3, match: toPort(5001) },
      { weight: 1, maxpkt: 2000 },
    ],
  },
  {
    kind: 'hfsc',
    classes: [{ rt: { m1: '2mbit', d: '10ms', m2: '1mbit' }, ls: '3mbit', ul: '5mbit' }, { sc: '1mbit' }],
  },
  { kind: 'cake', 'pppoe-ptm': true, 'ether-vlan': true, nat: true },
  { kind: 'cake', atm: true, overhead: 10, fwmark: 15 },
  { kind: 'cake', docsis: true, 'ack-filter': true },
];

test.each(kinds)('$kind is taken with its options, and a transfer has the rate of the link', async (queue) => {
  const answer = await simulate(network({ rate: '10mbit', delay: '5ms', queue }, [{ type: 'tcp', ...ends }]));
  expect(tcpOf(answer).error).toBeUndefined();
  // hfsc's default class has little, cake counts what the link adds, and sfb drops early: the test below says how much is left.
  const least = { hfsc: 0.8, cake: 7, sfb: 0 }[queue.kind] ?? 8.5;
  expect(tcpOf(answer).goodput_bps / 1e6).toBeGreaterThan(least);
  expect(tcpOf(answer).goodput_bps / 1e6).toBeLessThan(9.7);
});

/**
 * SFB blames a flow more with each packet that finds `target` others waiting, and less only with one that finds nothing: what
 * it learnt of a slow start it keeps for seconds. How much that is depends on the seed (1 to 3 % in 5 s, 5.6 to 9.1 Mbit/s with
 * seeds 1 to 16), what TCP makes of it does not: MSS/RTT * sqrt(3/2p) (Mathis et al. 1997), and up to a half more in cubic.
 */
test.each([1, 5, 6, 16])('with seed %i sfb leaves a transfer what its losses allow', async (seed) => {
  const queue = kinds.find(({ kind }) => kind === 'sfb');
  if (!queue) expect.fail('no sfb');
  const spec = { rate: '10mbit', delay: '5ms', queue };
  const answer = await simulate(network(spec, [{ type: 'tcp', ...ends }], { seed, duration: '10s' }));
  const { bytes, goodput_bps, retransmits, rtt_ms } = tcpOf(answer);
  const loss = retransmits / (bytes / 1448);
  expect(answer.links[0]?.forward.drops.queue).toBeGreaterThanOrEqual(retransmits);
  expect(loss).toBeGreaterThan(0.005);
  const allowed = Math.min(9.57e6, ((1448 * 8) / ((rtt_ms?.mean ?? 0) / 1000)) * Math.sqrt(1.5 / loss));
  expect(goodput_bps / allowed).toBeGreaterThan(1);
  expect(goodput_bps / allowed).toBeLessThan(1.6);
});

describe('cbs', () => {
  /** tc-cbs(8): of a link of 100 Mbit/s; with a maximum frame of 1514 bytes, and one of others before it. */
  const cbs = (idleslope: number) => ({
    kind: 'cbs',
    idleslope,
    sendslope: idleslope - 100_000,
    hicredit: Math.ceil((1514 * idleslope) / 100_000),
    locredit: Math.floor((1514 * (idleslope - 100_000)) / 100_000),
  });
  test.each([5, 20, 60, 95])('sends the %i Mbit/s of its idle slope, headers and all', async (mbit) => {
    const answer = await simulate(
      network({ rate: '100mbit', delay: '1ms', queue: cbs(1000 * mbit) }, [udp('100mbit', { size: '1000' })]),
    );
    const share = (goodput(answer, 0) * (1042 / 1000)) / mbit;
    expect(share).toBeGreaterThan(0.97);
    expect(share).toBeLessThan(1.03);
  });
  test('spaces the frames by it: the gap is the frame over the idle slope', async () => {
    const ping = { type: 'ping' as const, ...ends, size: '1000', interval: '1us', count: 20 };
    const answer = await simulate(network({ rate: '100mbit', queue: cbs(10_000) }, [ping]));
    const { rtt_ms } = pingOf(answer);
    // 19 frames of 1042 bytes are before the last one: 0.83 ms each.
    expect(rtt_ms?.max).toBeGreaterThan(19 * 0.8336 * 0.95);
    expect(rtt_ms?.max).toBeLessThan(19 * 0.8336 * 1.15);
  });
});

describe('shares', () => {
  test('drr gives each class its quantum a round, and what matches nothing the default class', async () => {
    const queue = { kind: 'drr', classes: [{ quantum: 4500, match: toPort(5001) }, { quantum: 1500 }] };
    const answer = await simulate(network({ rate: '8mbit', queue }, [udp('8mbit'), udp('8mbit')]));
    expect(goodput(answer, 0) / goodput(answer, 1)).toBeCloseTo(3, 0);
  });

  test('htb shares what no class is sure of by their rates, or by quanta that they are given', async () => {
    const shares = async (quanta: readonly object[]) => {
      const rates = [{ rate: '1mbit', match: toPort(5001) }, { rate: '3mbit' }];
      const queue = { kind: 'htb', classes: rates.map((one, i) => ({ ...one, ...quanta[i] })) };
      const answer = await simulate(network({ rate: '12mbit', queue }, [udp('12mbit'), udp('12mbit')]));
      return goodput(answer, 1) / goodput(answer, 0);
    };
    // 1 + 8/4 and 3 + 3 · 8/4; 1 + 8/2 and 3 + 8/2.
    expect(await shares([])).toBeCloseTo(3, 0);
    expect(await shares([{ quantum: 1600 }, { quantum: '1600' }])).toBeCloseTo(7 / 5, 1);
  });

  test('fq on a link gives no flow more than its maxrate', async () => {
    const queue = { kind: 'fq', maxrate: '2mbit' };
    const answer = await simulate(network({ rate: '10mbit', delay: '5ms', queue }, [udp('8mbit'), udp('1mbit')]));
    expect(goodput(answer, 0)).toBeGreaterThan(1.8);
    expect(goodput(answer, 0)).toBeLessThan(2);
    expect(goodput(answer, 1)).toBeGreaterThan(0.95);
  });

  test('fq on a link has three bands of priorities, by weights of 9 to 3 to 1', async () => {
    const on = { duration: '9s' };
    const flows = [udp('2mbit', { ...on, dscp: 4 }), udp('2mbit', on), udp('2mbit', { ...on, dscp: 2 })];
    const answer = await simulate(network({ rate: '2mbit', queue: { kind: 'fq', flow_limit: 20 } }, flows));
    for (const i of [0, 1]) expect(goodput(answer, i) / goodput(answer, i + 1)).toBeCloseTo(3, 0);
  });

  test('qfq by weights', async () => {
    const queue = { kind: 'qfq', classes: [{ weight: 1, match: toPort(5001) }, { weight: 4 }] };
    const answer = await simulate(network({ rate: '10mbit', queue }, [udp('10mbit'), udp('10mbit')]));
    expect(goodput(answer, 1) / goodput(answer, 0)).toBeCloseTo(4, 0);
  });

  test('hfsc: a class has what it is sure of, the others share the rest, none is above its ceiling', async () => {
    const queue = {
      kind: 'hfsc',
      classes: [
        { rt: '4mbit', ls: '1mbit', match: toPort(5001) },
        { ls: '1mbit', ul: '2mbit', match: toPort(5002) },
        { ls: '1mbit' },
      ],
    };
    const all = await simulate(network({ rate: '10mbit', queue }, [udp('10mbit'), udp('10mbit'), udp('10mbit')]));
    expect(goodput(all, 0)).toBeGreaterThan(3.8);
    expect(goodput(all, 1)).toBeLessThan(2);
    expect(goodput(all, 0) + goodput(all, 1) + goodput(all, 2)).toBeGreaterThan(9.3);
    const alone = await simulate(network({ rate: '10mbit', queue }, [udp('1kbit'), udp('10mbit')]));
    expect(goodput(alone, 1)).toBeCloseTo(1.95, 1);
  });

  test('by DSCP: ets by the priority that Linux makes of it, strict bands first, then quanta; htb by a match', async () => {
    // rt_tos2priority(): 6 is what has the bit of 0x10, 2 that of 0x08, 0 neither.
    const ets = { kind: 'ets', strict: 1, quanta: [3000, 1500], priomap: [2, 2, 1, 2, 2, 2, 0] };
    const htb = { kind: 'htb', classes: [{ rate: '6mbit', match: { dscp: 'ef' } }, { rate: '4mbit' }] };
    // To the end: what a queue still holds then would come when the others are silent.
    const on = { duration: '9s' };
    const back = { ...on, from: 'b', to: 'a' };
    const answer = await simulate(
      network(
        { rate: '10mbit', forward: { queue: ets }, reverse: { queue: htb } },
        [
          udp('4mbit', { ...on, dscp: 4 }),
          udp('9mbit', { ...on, dscp: 2 }),
          udp('9mbit', on),
          udp('9mbit', { ...back, dscp: 'ef', family: 'ipv6' }),
          udp('9mbit', back),
        ],
        { families: ['ipv4', 'ipv6'] },
      ),
    );
    expect(flow(answer, 0, 'udp').loss).toBe(0);
    // Of 10 Mbit/s the strict band takes 4; headers are 42 of 1490 bytes, and 62 of 1510 over IPv6.
    for (const [i, mbit] of [4, 4, 2, 6, 4].entries()) expect(goodput(answer, i) / mbit).toBeCloseTo(0.97, 1);
  });

  test('mqprio: traffic classes of a host, each with queues of its own', async () => {
    const qdisc = { kind: 'mqprio', num_tc: 2, map: [0, 0, 1, 1], queues: ['1@0', '2@1'] };
    const answer = await simulate(
      network({ rate: '10mbit' }, [{ type: 'tcp', ...ends, bytes: '1mb' }], {
        hosts: { a: { interfaces: { eth0: { qdisc } } }, b: {} },
      }),
    );
    expect(tcpOf(answer).completed).toBe(true);
    expect(answer.hosts.a?.state.qdiscs.some(({ kind }) => kind === 'mqprio')).toBe(true);
  });
});

describe('cake counts what the link adds', () => {
  const alone = async (more: object) => {
    const answer = await simulate(
      network({ rate: '10mbit', queue: { kind: 'cake', ...more } }, [udp('12mbit', { size: '1472' })]),
    );
    return goodput(answer, 0);
  };
  test('ATM: 53 bytes for each 48, and whole cells', async () => {
    // An IP packet of 1500 bytes (cake's `atm` counts IP, tc-cake(8)) with 0 overhead more is 32 cells.
    expect(await alone({ atm: true, overhead: 0 })).toBeCloseTo((10 * 1472) / (Math.ceil(1500 / 48) * 53), 1);
  });
  test('PTM: 65 bytes for each 64', async () => {
    expect(await alone({ ptm: true, overhead: 0 })).toBeCloseTo((10 * 1472) / ((1500 * 65) / 64), 1);
  });
  test('words add up: pppoe-ptm with a VLAN tag are 34 bytes', async () => {
    expect(await alone({ 'pppoe-ptm': true, 'ether-vlan': true })).toBeCloseTo((10 * 1472) / ((1534 * 65) / 64), 1);
  });
});

describe('netem', () => {
  const ping = { type: 'ping', ...ends, count: 200, interval: '3ms', timeout: '1s' } as const;

  test('slots let go what came, together: delays spread up to the interval', async () => {
    const answer = await simulate(network({ forward: { slot: { min: '20ms' } } }, [ping]));
    const { rtt_ms } = pingOf(answer);
    expect(pingOf(answer).received).toBe(200);
    expect(rtt_ms?.max).toBeGreaterThan(15);
    expect(rtt_ms?.max).toBeLessThan(21);
    expect(rtt_ms?.mean).toBeGreaterThan(7);
    expect(rtt_ms?.mean).toBeLessThan(13);
  });

  test('no more than so many packets go at once', async () => {
    const answer = await simulate(
      network({ forward: { slot: { min: '20ms', packets: 2 } } }, [udp('1mbit', { size: '486', count: 400 })]),
    );
    // Two packets each 20 ms.
    const { one_way_ms, received } = flow(answer, 0, 'udp');
    expect(received).toBeGreaterThan(380);
    expect(one_way_ms?.max).toBeGreaterThan(1000);
  });

  test('with keepOrder packets stay in order whatever the jitter, without it they do not', async () => {
    const jitter = { delay: '20ms', jitter: '10ms' };
    const plain = await simulate(network(jitter, [udp('2mbit')]));
    const ordered = await simulate(network({ ...jitter, keepOrder: true }, [udp('2mbit')]));
    expect(flow(plain, 0, 'udp').reordered).toBeGreaterThan(10);
    expect(flow(ordered, 0, 'udp').reordered).toBe(0);
    expect(flow(ordered, 0, 'udp').one_way_ms?.deviation).toBeGreaterThan(1);
  });
});

describe('a queue that lets nothing pass is warned of', () => {
  const warnings = (queue: QueueSpec): string[] => {
    const planned = planSimulation(network({ rate: '1mbit', queue }), { nodes: 500, devices: 4000 });
    return 'plan' in planned ? planned.plan.warnings.map(({ path }) => path) : expect.fail('refused');
  };
  test.each<[QueueSpec, readonly string[]]>([
    [{ kind: 'bfifo', limit: '1000' }, ['links[0].queue.limit']],
    [{ kind: 'bfifo', limit: '1514' }, []],
    [{ kind: 'pfifo', limit: 0 }, ['links[0].queue.limit']],
    [{ kind: 'tbf', rate: '500kbit', burst: '100' }, ['links[0].queue.burst']],
    [{ kind: 'fq', maxrate: '100kbit', pacing: false }, ['links[0].queue.maxrate']],
    [{ kind: 'htb', classes: [{ queue: { kind: 'pfifo', limit: 0 } }] }, ['links[0].queue.classes[0].queue.limit']],
  ])('%j', (queue, paths) => expect(warnings(queue)).toEqual(paths));
});

describe('what is no queue is refused in words that help', () => {
  const issue = (link: Omit<LinkSpec, 'endpoints'>): string => {
    const planned = planSimulation(network(link), { nodes: 500, devices: 4000 });
    return 'issues' in planned ? planned.issues.map(({ path, message }) => `${path}: ${message}`).join('; ') : '';
  };
  test.each([
    [{ rate: '1mbit', queue: 'dualpi2' }, /queue: dualpi2 is not in Linux 6\.12: fq_codel or fq with ce_threshold/],
    [{ rate: '1mbit', queue: 'taprio' }, /tbf or mqprio/],
    [{ rate: '1mbit', queue: 'fq_coddle' }, /there are fifo, pfifo, .*hfsc, drr, qfq/],
    [{ rate: '1mbit', queue: { kind: 'sfb', limt: 3 } }, /queue\.limt: sfb has no option limt; it has limit, rehash/],
    [{ rate: '1mbit', queue: { kind: 'ets', bands: 2, strict: 1, quanta: [1, 2] } }, /queue\.quanta/],
    [{ rate: '1mbit', queue: { kind: 'ets', bands: 17 } }, /queue\.bands/],
    [{ rate: '1mbit', queue: { kind: 'prio', bands: 2, priomap: [2] } }, /queue\.priomap/],
    [{ rate: '1mbit', queue: { kind: 'mqprio', num_tc: 1 } }, /is of a host/],
    [{ rate: '1mbit', queue: { kind: 'drr' } }, /queue\.classes: drr needs classes/],
    [
      { rate: '1mbit', queue: { kind: 'drr', classes: [{ weight: 1 }] } },
      /class has no weight; it has quantum, queue, match/,
    ],
    [{ rate: '1mbit', queue: { kind: 'qfq', classes: [{ weight: 5000 }] } }, /queue\.classes\[0\]\.weight/],
    [{ rate: '1mbit', queue: { kind: 'drr', classes: [{}], default: 1 } }, /queue\.default/],
    [{ queue: { kind: 'hfsc', classes: [{ ls: '1mbit' }] } }, /give the link one/],
    [{ rate: '1mbit', queue: { kind: 'hfsc', classes: [{ ul: '1mbit' }] } }, /a ceiling is of a share/],
    [{ rate: '1mbit', queue: { kind: 'hfsc', classes: [{}] } }, /rt, ls or sc/],
    [{ rate: '1mbit', queue: { kind: 'hfsc', classes: [{ ls: { m1: '1mbit', d: '1', m2: 5 } }] } }, /ls\.m2/],
    [{ rate: '1mbit', queue: { kind: 'choke', min: 5, max: 4 } }, /choke needs min < max/],
    [
      { rate: '1mbit', queue: { kind: 'cbs', hicredit: 1 } },
      /queue: cbs needs an idleslope, a hicredit and a locredit/,
    ],
    [{ rate: '1mbit', queue: { kind: 'cbs', idleslope: 1000, hicredit: 1, locredit: -9 } }, /idleslope: 1 to 999 kbit/],
    [
      { rate: '1mbit', queue: { kind: 'cbs', idleslope: 400, sendslope: -500, hicredit: 1, locredit: -9 } },
      /sendslope: idleslope less what the link sends, in kbit\/s: -600/,
    ],
    [{ rate: '1mbit', queue: { kind: 'cbs', idleslope: 400, hicredit: 1, locredit: 9 } }, /locredit: bytes below zero/],
    [{ rate: '1mbit', queue: { kind: 'prio', bands: 17 } }, /queue\.bands: 17 is no number of bands: 2 to 16/],
    [
      { rate: '1mbit', queue: { kind: 'pfifo', limit: '10' } },
      /queue\.limit: "10" is no limit of pfifo: a whole number/,
    ],
    [{ rate: '1mbit', queue: { kind: 'codel', target: 5 } }, /queue\.target: 5 is no target of codel: a time/],
    [
      { rate: '1mbit', queue: { kind: 'qfq', classes: [{ maxpkt: 100 }] } },
      /classes\[0\]\.maxpkt: 100 .* 512 to 65536/,
    ],
    [
      { rate: '1mbit', queue: { kind: 'htb', classes: [{ rate: '2mbit' }] } },
      /\.rate: 2mbit is more than the link has/,
    ],
    [
      { rate: '1mbit', queue: { kind: 'htb', classes: [{ quantum: 5 }] } },
      /\.quantum: 5 is no quantum: 1000 to 200000/,
    ],
    [{ slot: {} }, /slot: a slot has a min/],
    [{ slot: { min: '5ms', distribution: 'normal' } }, /slot/],
    [{ slot: { min: '5ms', max: '4ms' } }, /slot\.max/],
  ] as const)('%j', (link, message) => {
    expect(issue(link as never)).toMatch(message);
  });
});
