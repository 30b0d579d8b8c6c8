import { expect, test } from 'vitest';
import { planSimulation } from '../plan/plan.ts';
import { findShortage } from './pressure.ts';

const packet = `
[   61.0] init: page allocation failure: order:0, mode:0x920(GFP_ATOMIC|__GFP_ZERO), nodemask=(null)
[   61.0] Mem-Info:
[   61.0]  free:12 free_pcp:0
`;
const mapping = `
[   30.0] init: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null)
[   30.0] Mem-Info:
[   30.0]  free:18899 free_pcp:0
[   30.0] nommu: Allocation of length 65536 from process 32 (init) failed
[   30.0] Mem-Info:
`;

test.each([
  ['nothing', '', undefined],
  ['memory of a task that was asked for again', mapping, undefined],
  ['a packet', packet, /could not allocate memory for a packet/],
  ['a packet after such memory', mapping + packet, /could not allocate memory for a packet/],
  ['such memory after a packet', packet + mapping, /could not allocate memory for a packet/],
  ['a program that was killed', `${mapping}[   62.0] Out of memory: Killed process 40 (init)`, /killed a program/],
])('%s that the kernel had no room for', (_, log, error) => {
  const planned = planSimulation({ hosts: { a: {} }, links: [] }, { nodes: 2, devices: 8 });
  if ('issues' in planned) throw new Error(JSON.stringify(planned.issues));
  const found = findShortage(planned.plan, {}, log).error;
  if (error) expect(found).toMatch(error);
  else expect(found).toBeUndefined();
});
