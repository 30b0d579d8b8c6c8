/** Attacks on the Worker, in a workerd of its own on loopback: node scripts/attack.ts NAME [--count N] [--seconds S] [--seed N]. Figures go to standard output. */

import { parseArgs } from 'node:util';
import { type EmbeddedWorker, embeddedWorker } from '../test/embedded/embedded-worker.ts';
import { romfs } from '../test/fakes/romfs.ts';
import { cut } from './attack/cut.ts';
import { plateau } from './attack/plateau.ts';
import { fixture } from './worker/fixture.ts';
import { childNamed, holdingsOf } from './worker/process.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const count = (usual: number) => Number(values.count ?? usual);
const seed = Number(values.seed);

/** Of some tens of MiB, and of one. */
const ext4 = await fixture('ext4');
const small = new Uint8Array(
  romfs([
    ['directory', [['file', new Uint8Array(200_000).fill(0x61)]]],
    ['large.bin', new Uint8Array(700_000).fill(0x62)],
    ...Array.from({ length: 50 }, (_, at) => [`file-${at}`, new Uint8Array(100).fill(at)] as const),
  ]),
);

const attacks: Readonly<Record<string, (worker: EmbeddedWorker) => Promise<unknown>>> = {
  cut: ({ url }) => cut({ url, image: ext4, file: 'sparse/all', count: count(1000), atOnce: 8, seed, withinMs: 1500 }),
  plateau({ url }) {
    const workerd = childNamed('workerd');
    return plateau({
      url,
      image: small,
      file: 'large.bin',
      count: count(20_000),
      atOnce: 4,
      seed,
      samples: 20,
      holdings: () => holdingsOf(workerd),
      progress: (requests, held) => console.error(requests, JSON.stringify(held)),
    });
  },
};

const [name = ''] = positionals;
const attack = attacks[name];
if (attack === undefined) throw new Error(`there is no attack "${name}": ${Object.keys(attacks).join(', ')}`);
const worker = await embeddedWorker();
try {
  console.log(JSON.stringify({ [name]: await attack(worker) }, undefined, 2));
} catch (cause) {
  for (const { level, message } of worker.log.slice(-20)) console.error(level, message);
  throw cause;
} finally {
  if (process.env.VERBOSE) for (const { level, message } of worker.log) console.error(level, message);
  await worker.close();
}
