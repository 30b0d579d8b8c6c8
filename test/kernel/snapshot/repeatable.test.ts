/** With a seed a run is the same each time, however slow its host is. */

import { expect, it } from 'vitest';
import { nodeHost } from '../../../src/node/host.ts';
import { simulate } from '../simulate.ts';

/** Where each reading of the host's clock finds it so much later. */
async function simulated(nsALook: number) {
  let now = 0;
  const monotonicNs = () => {
    now += nsALook;
    return now;
  };
  const between = { from: 'a', to: 'b', bytes: '200kb' };
  const { flows, files } = await simulate(
    {
      duration: '2s',
      links: [{ endpoints: ['a', 'b'], rate: '20mbit', delay: '5ms' }],
      workloads: [
        { type: 'tcp', ...between },
        { type: 'tcp', ...between },
        { type: 'rr', from: 'b', to: 'a', duration: '1s' },
      ],
      capture: ['a'],
    },
    64,
    undefined,
    { ...nodeHost, monotonicNs },
  );
  return { flows, files: files.map((bytes) => Buffer.from(bytes).toString('base64')) };
}

it('a network has the same packets on a host a million times slower', async () => {
  expect(await simulated(1e9)).toEqual(await simulated(1000));
});
