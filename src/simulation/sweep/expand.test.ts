/** Sweeps: every combination of values at their places, and what is no place. */

import { expect, test } from 'vitest';
import { expandSweep } from './expand.ts';

const network = {
  seed: 1,
  hosts: { a: { sysctls: { 'net.ipv4.tcp_sack': 1 } }, 'b-1': {} },
  links: [{ endpoints: ['a', 'b-1'], delay: '1ms' }],
};
const runsOf = (sweep: unknown) => {
  const found = expandSweep(network, sweep);
  return 'runs' in found ? found.runs : expect.fail(JSON.stringify(found.issues));
};

test('every combination, the last path fastest; the rest of the network stays', () => {
  const runs = runsOf({ 'links[0].delay': ['1ms', '2ms'], seed: [1, 2, 3] });
  expect(runs.map(({ values }) => Object.values(values).join())).toEqual([
    '1ms,1',
    '1ms,2',
    '1ms,3',
    '2ms,1',
    '2ms,2',
    '2ms,3',
  ]);
  expect(runs[4]?.network).toEqual({ ...network, seed: 2, links: [{ ...network.links[0], delay: '2ms' }] });
});

test('members that are not there yet, and names with dots and dashes', () => {
  const [run] = runsOf({
    'links[0].rate': ['1mbit'],
    'hosts.a.sysctls["net.ipv4.tcp_sack"]': [0],
    'hosts.b-1.routes': ['none'],
    perturb: ['1ms'],
  });
  expect(run?.network).toEqual({
    seed: 1,
    hosts: { a: { sysctls: { 'net.ipv4.tcp_sack': 0 } }, 'b-1': { routes: 'none' } },
    links: [{ endpoints: ['a', 'b-1'], delay: '1ms', rate: '1mbit' }],
    perturb: '1ms',
  });
});

test.each([
  [{}, 'sweep'],
  [[], 'sweep'],
  ['links', 'sweep'],
  [{ 'links[1].delay': ['1ms'] }, 'sweep["links[1].delay"]'],
  [{ 'link[0].delay': ['1ms'] }, 'sweep["link[0].delay"]'],
  [{ 'links.0.delay': ['1ms'] }, 'sweep["links.0.delay"]'],
  [{ '..': [1] }, 'sweep[".."]'],
  [{ seed: [] }, 'sweep["seed"]'],
  [{ seed: 1 }, 'sweep["seed"]'],
  [{ 'hosts.a.x': [1], 'hosts["a"].x': [2] }, 'sweep["hosts[\\"a\\"].x"]'],
  [{ seed: Array.from({ length: 1001 }, (_, i) => i) }, 'sweep'],
])('%j is refused at its place', (sweep, path) => {
  const found = expandSweep(network, sweep);
  expect('issues' in found ? found.issues.map((issue) => issue.path) : []).toEqual([path]);
});
