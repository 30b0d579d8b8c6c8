/** Attacks on the Worker, in a workerd of its own on loopback: node scripts/attack.ts cut [count] [seed]. Figures go to standard output. */

import { execFileSync } from 'node:child_process';
import { embeddedWorker } from '../test/embedded/embedded-worker.ts';
import { cut } from './attack/cut.ts';

const [name = 'cut', count = '1000', seed = '1'] = process.argv.slice(2);

const attacks: Readonly<Record<string, (url: URL) => Promise<unknown>>> = {
  cut: async (url) => {
    const fixture = new URL('../test/fixtures/ext4.img.xz', import.meta.url);
    const image = execFileSync('xz', ['-dc', fixture.pathname], { maxBuffer: 2 ** 30 });
    return cut({ url, image, file: 'sparse/all', count: Number(count), atOnce: 8, seed: Number(seed), withinMs: 1500 });
  },
};

const attack = attacks[name];
if (attack === undefined) throw new Error(`there is no attack ${name}: ${Object.keys(attacks).join(', ')}`);
const worker = await embeddedWorker();
try {
  console.log(JSON.stringify({ [name]: await attack(worker.url) }, undefined, 2));
} catch (cause) {
  for (const { level, message } of worker.log.slice(-20)) console.error(level, message);
  throw cause;
} finally {
  if (process.env.VERBOSE) for (const { level, message } of worker.log) console.error(level, message);
  await worker.close();
}
