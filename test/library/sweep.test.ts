/** sweep() of the library: a result for each combination, in order, and what is wrong before anything runs. */

import { expect, test } from 'vitest';
import { sweep } from '../../src/library/index.ts';

const network = {
  duration: '2s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'] as const, delay: '10ms' }],
  workloads: [{ type: 'ping', from: 'a', to: 'b', count: 1 }],
} as const;

test('each combination has its result', async () => {
  const seen: string[] = [];
  for await (const { values, result } of sweep(network, { 'links[0].delay': ['10ms', '20ms'], seed: [1, 2] })) {
    const [ping] = result?.flows ?? [];
    seen.push(
      `${Object.values(values).join()} ${result?.seed} ${ping?.type === 'ping' && Math.round(ping.rtt_ms?.min ?? 0)}`,
    );
  }
  expect(seen).toEqual(['10ms,1 1 20', '10ms,2 2 20', '20ms,1 1 40', '20ms,2 2 40']);
});

test('what is wrong is told before the first one runs, and stopping ends it', async () => {
  const wrong = sweep(network, { 'links[0].delay': ['1ms', 'soon'] }).next();
  await expect(wrong).rejects.toMatchObject({ code: 'ERR_BAD_SIMULATION', message: expect.stringMatching(/"soon"/) });
  const nothing = sweep(undefined as never, { seed: [1] }).next();
  await expect(nothing).rejects.toMatchObject({ code: 'ERR_BAD_SIMULATION' });
  const stopped = sweep(network, { seed: [1, 2] }, { signal: AbortSignal.abort(new Error('enough')) }).next();
  await expect(stopped).rejects.toThrow('enough');
});

test('a run that is too slow is an error of its own', async () => {
  const busy = { ...network, duration: '10000s', workloads: [], samples: { interval: '1ms' } };
  const errors: (string | undefined)[] = [];
  for await (const { error } of sweep(busy, { seed: [1, 2] }, { deadlineMs: 200 })) errors.push(error?.message);
  expect(errors).toEqual([expect.stringMatching(/200 ms/), expect.stringMatching(/200 ms/)]);
});
