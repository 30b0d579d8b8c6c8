/** Graphs of others as networks: what edges say in other words, both ways of directed ones, and what is no graph. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { withGraph } from './graph.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-graph-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function linksOf(gml: string): Promise<unknown> {
  const file = join(folder, 'net.gml');
  writeFileSync(file, `graph [ ${gml} ]`);
  return (await withGraph({}, file)).links;
}
const two = 'node [ id 0 label "a" ] node [ id 1 label "b" ]';

it.each([
  ['bandwidth "10 Mbit"', { rate: '10Mbit' }],
  ['bandwidth 10000000', { rate: '10000000bit' }],
  ['LinkSpeedRaw 10000000.0', { rate: '10000000bit' }],
  ['latency "50 ms" packet_loss 0.001', { delay: '50ms', loss: '0.1%' }],
  ['rate "1mbit" bandwidth "10mbit" delay "5ms" latency "50ms"', { rate: '1mbit', delay: '5ms' }],
])('an edge with %s', async (words, link) => {
  expect(await linksOf(`${two} edge [ source 0 target 1 ${words} ]`)).toEqual([{ endpoints: ['a', 'b'], ...link }]);
});

it('two directed edges there and back are one link, each way as its edge says', async () => {
  const edges = 'edge [ source 0 target 1 rate "10mbit" mtu 1400 ] edge [ source 1 target 0 rate "1mbit" ]';
  expect(await linksOf(`directed 1 ${two} ${edges}`)).toEqual([
    { endpoints: ['a', 'b'], forward: { rate: '10mbit' }, reverse: { rate: '1mbit' }, mtu: 1400 },
  ]);
  expect(await linksOf(`${two} ${edges}`)).toHaveLength(2);
  expect(await linksOf(`directed 1 ${two} edge [ source 0 target 1 delay "1ms" ]`)).toEqual([
    { endpoints: ['a', 'b'], delay: '1ms' },
  ]);
});

it('what is not read of edges is told', async () => {
  const told = vi.spyOn(console, 'error').mockReturnValue();
  try {
    await linksOf(`${two} edge [ id 7 source 0 target 1 weight 3 LinkLabel "x" ]`);
    expect(told.mock.calls.flat().join()).toMatch(/net\.gml: not read of its edges: LinkLabel, weight$/);
  } finally {
    told.mockRestore();
  }
});

it.each([
  [`${two} node [ id 1 label "c" ]`, 'two nodes have the id 1'],
  ['node [ id 0 label "a ] node [ id 1 ]', 'a text has no end'],
])('%s is refused', async (gml, why) => {
  await expect(linksOf(gml)).rejects.toThrow(why);
});
