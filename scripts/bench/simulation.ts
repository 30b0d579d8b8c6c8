/** Networks in virtual time: how much of it, and how many packets, in a second on the wall. */

import { embeddedWorker } from '../../test/embedded/embedded-worker.ts';
import { type BenchOptions, median, type Results } from './result.ts';

const network = (rate: string, delay: string, seconds: number) => ({
  duration: `${seconds}s`,
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate, delay }],
  workloads: [{ type: 'tcp', from: 'a', to: 'b', congestion: 'cubic' }],
});

/** Each takes about as long. */
const networks = {
  gigabit: { rate: '1gbit', delay: '1ms', seconds: 20 },
  '10mbit': { rate: '10mbit', delay: '20ms', seconds: 200 },
};

/** What is used of the answer. */
interface Answer {
  readonly virtual_s: number;
  readonly wall_s: number;
  readonly flows: readonly { readonly bytes: number; readonly error?: string }[];
}

/** Of Ethernet: a packet of 64 kB is 45 of these on the wire. */
const SEGMENT_BYTES = 1448;

export async function simulation({ quick }: BenchOptions): Promise<Results> {
  const worker = await embeddedWorker();
  const results: Record<string, number> = {};
  for (const [name, { rate, delay, seconds }] of Object.entries(networks)) {
    const answers: Answer[] = [];
    for (let made = 0; made < (quick ? 2 : 4); made += 1) {
      const answer = await fetch(new URL('v1/simulations', worker.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(network(rate, delay, quick ? seconds / 10 : seconds)),
      });
      if (!answer.ok) throw new Error(await answer.text());
      answers.push((await answer.json()) as Answer);
    }
    // The first one compiles what the others use.
    const warm = answers.slice(1);
    results[`simulation.${name}.virtual_s_per_s`] = median(warm.map(({ virtual_s, wall_s }) => virtual_s / wall_s));
    results[`simulation.${name}.packets_per_s`] = median(
      warm.map(({ flows, wall_s }) => (flows[0]?.bytes ?? Number.NaN) / SEGMENT_BYTES / wall_s),
    );
  }
  await worker.close();
  return results;
}
