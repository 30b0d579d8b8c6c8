import { expect, test } from 'vitest';
import { type SketchedFlow, sketch } from './sketch.ts';

const names = ['sw', 'srv', 'c1', 'c2', 'c3', 'c4', 'c5'];
const links = names.slice(1).map((name) => ({
  name: `${name}-sw`,
  endpoints: [`${name}:eth0`, `sw:${name}`],
  forward: { rate_bps: 1e8, delay_ms: 1 },
}));
const clients = names.slice(2);
const boxes = (flows: readonly SketchedFlow[]): string[] =>
  [...`${sketch(names, links, flows)}`.matchAll(/<text x=[^>]*>([^<]+)<title>/g)].map(([, text]) => text ?? '');

test('the one to which all others send is drawn for itself, however alike its link is', () => {
  expect(boxes(clients.map((from) => ({ type: 'tcp', from, to: 'srv' })))).toEqual(['sw', 'srv', '5 × c1']);
  expect(boxes(clients.map((to) => ({ type: 'udp', from: 'srv', to })))).toEqual(['sw', 'srv', '5 × c1']);
});

test('nodes that do the same, or nothing, are one box', () => {
  expect(boxes([])).toEqual(['sw', '6 × srv']);
  const ring = names.slice(1).map((from, i) => ({ type: 'tcp', from, to: names.slice(1)[(i + 1) % 6] ?? '' }));
  expect(boxes(ring)).toEqual(['sw', '6 × srv']);
});

test('a program, or flows with several where the others have them with one, set a node apart', () => {
  const both = clients.flatMap((client) => [
    { type: 'tcp', from: client, to: 'srv' },
    { type: 'tcp', from: 'srv', to: client },
  ]);
  expect(boxes(both)).toEqual(['sw', 'srv', '5 × c1']);
  expect(boxes([{ type: 'exec', on: 'c2' }])).toEqual(['sw', '5 × srv', 'c2']);
});
