/** Numbers that stand for far more than they are: sizes, counts, levels and times that fill memory or take for ever where they are believed. */

import { type Ask, json } from '../client.ts';
import { type Probe, problemOf } from './probe.ts';

const pair = { hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '1ms' }] };
const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** By what they are. Those that may take their deadline have one of seconds. */
const simulations: Readonly<Record<string, object>> = {
  'a fat tree of a thousand pods': { hosts: {}, links: [], topology: { kind: 'fat-tree', size: 1000 } },
  'a tree of a thousand levels': { hosts: {}, links: [], topology: { kind: 'tree', depth: 1000, fanout: 1000 } },
  'events that come back for a day': {
    ...pair,
    duration: '86400s',
    events: many(10_000, () => ({ type: 'down', at: '0s', every: '100us', link: 'a-b' })),
  },
  'changes of one link': {
    ...pair,
    duration: '1s',
    events: many(20_000, (i) => ({ type: 'link', at: `${i}us`, link: 'a-b', delay: '1ms' })),
  },
  'a transfer that nothing slows': {
    ...pair,
    links: [{ endpoints: ['a', 'b'] }],
    workloads: [{ type: 'tcp', from: 'a', to: 'b', duration: '1000s' }],
    duration: '1000s',
    deadline_ms: 3000,
  },
  'a hundred thousand hosts': {
    hosts: Object.fromEntries(many(100_000, (i) => [`h${i}`, {}])),
    links: many(100_000, (i) => ({ endpoints: [`h${i}`, 'h0'] })),
  },
  'workloads by the hundred thousand': {
    ...pair,
    workloads: many(100_000, () => ({ type: 'ping', from: 'a', to: 'b' })),
  },
  'ten thousand mistakes': { ...pair, workloads: many(10_000, () => ({ type: 'nothing' })) },
  'mistakes by the hundred thousand': { ...pair, events: many(200_000, () => 0) },
};

/** Each network is looked at before the first one runs. */
const sweep = {
  hosts: Object.fromEntries(many(400, (i) => [`h${i}`, {}])),
  switches: { s: {} },
  links: many(400, (i) => ({ endpoints: [`h${i}`, 's'] })),
  duration: '1ms',
  deadline_ms: 3000,
  sweep: { seed: many(1000, (i) => i) },
};

const scripts: Readonly<Record<string, string>> = {
  'a segment of 4 GiB': '0 < S 0:4294967295(4294967295) win 1',
  'a segment of a petabyte': '0 < S 0:0(1125899906842624) win 1',
  'parentheses of a hundred thousand levels': `0 socket(${'('.repeat(100_000)}1, 1, 1) = 3`,
  'a write of 100 GB': '0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 write(3, ..., 99999999999) = 1',
};

const long = 15 * 2 ** 20;
const batches: Readonly<Record<string, object>> = {
  'hexadecimal digits of megabytes': {
    calls: [{ call: 'write', args: [1, { hex: '0'.repeat(long) }, 1] }],
  },
  'a place of megabytes': { mounts: [{ image: 'none', at: '/a'.repeat(long / 2) }], calls: [] },
  'calls by the hundred thousand that are none': { calls: many(200_000, () => 0) },
  'settings by the hundred thousand': { calls: [], sysctl: Object.fromEntries(many(150_000, (i) => [`k${i}`, []])) },
  'values by the million': { calls: [{ call: 'getpid', args: [many(2_000_000, () => [])] }] },
  'a name of megabytes': { calls: [{ call: 'read', args: [0, { out: 'x'.repeat(long) }, 1] }] },
};

const queries = [
  'mkfs?type=ext4&size=9000T',
  'mkfs?type=xfs&size=99999999999999999999',
  'mkfs?type=ext4&size=16M&label=%00',
  'resize?size=9000T',
  'resize?size=16M&partition=99999999999',
];

export const numbers: readonly Probe[] = [
  {
    name: 'numbers that stand for far more than they are',
    async run({ ask, own }, found) {
      for (const [what, body] of Object.entries(simulations)) {
        await refusedOrDone(ask, what, '/v1/simulations', json(body), found);
      }
      await refusedOrDone(ask, 'a sweep of a thousand networks', '/v1/simulations/sweep', json(sweep), found);
      for (const [what, script] of Object.entries(scripts)) {
        await refusedOrDone(ask, what, '/v1/packetdrill', json({ script, deadline_ms: 5000 }), found);
      }
      for (const [what, body] of Object.entries(batches)) {
        await refusedOrDone(ask, what, '/v1/syscalls', json(body), found);
      }
      for (const query of queries) {
        await refusedOrDone(ask, query, `/v1/images/${own}/${query}`, { method: 'POST' }, found);
      }
    },
  },
];

/** Longer than the deadline of any of these, on a slow machine: who is asked meanwhile waits as long. */
const PATIENCE_MS = 60_000;

/** Of an error, which repeats what was sent. */
const MOST_BYTES = 100_000;

async function refusedOrDone(
  ask: Ask,
  what: string,
  path: string,
  init: RequestInit,
  found: (what: string) => void,
): Promise<void> {
  const answer = await ask(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  const bytes = Number(answer.headers.get('content-length') ?? 0);
  const word = await problemOf(answer);
  if (answer.status >= 400 && bytes > MOST_BYTES) found(`${what}: a problem of ${bytes} bytes`);
  if (answer.status >= 500 && answer.status !== 503 && answer.status !== 504) found(`${what}: ${word}`);
}
