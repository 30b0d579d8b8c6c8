/** Attacks on the Worker, in a workerd of its own on loopback: node scripts/attack.ts NAME… [--count N] [--seconds S] [--seed N]. Figures go to standard output. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type EmbeddedWorker, embeddedWorker } from '../test/embedded/embedded-worker.ts';
import { romfs } from '../test/fakes/romfs.ts';
import { blocks } from './attack/blocks.ts';
import { cut } from './attack/cut.ts';
import { fair } from './attack/fair.ts';
import { faults } from './attack/faults.ts';
import { fuzz } from './attack/fuzz.ts';
import { guests } from './attack/guests.ts';
import { deployment, hostile } from './attack/hostile.ts';
import { kills } from './attack/kills.ts';
import { load } from './attack/load.ts';
import { plateau } from './attack/plateau.ts';
import { secrets } from './attack/secrets.ts';
import { slow } from './attack/slow.ts';
import { fixture } from './worker/fixture.ts';
import { childNamed, holdingsOf } from './worker/process.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
  },
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

const seconds = (usual: number) => Number(values.seconds ?? usual);

/** Each with a worker of its own. */
const attacks: Readonly<Record<string, (worker: EmbeddedWorker) => Promise<object>>> = {
  cut({ url }) {
    const cutting = { count: count(1000), atOnce: 8, seed, withinMs: 1500, ...(values.only && { only: values.only }) };
    return cut({ url, image: ext4, file: 'sparse/all', ...cutting });
  },
  slow: ({ url }) => slow({ url, image: ext4, each: count(30), seconds: seconds(60) }),
  guests: ({ url }) => guests({ url, deadlineMs: 2000, whole: true }),
  hostile: ({ url }) => hostile({ url, image: ext4, ...(values.only && { only: values.only }) }),
  secrets: ({ url }) => secrets({ url, rounds: count(30) }),
  fuzz({ url }) {
    const progress = (operation: string, requests: number) => console.error(requests, operation);
    return fuzz({ url, image: small, each: count(200), seed, progress });
  },
  blocks: ({ url }) =>
    blocks({
      url,
      pid: childNamed('workerd'),
      image: ext4,
      rounds: count(3),
      ...(values.only && { only: values.only }),
    }),
  fair: ({ url }) => fair({ url, atOnce: count(50), seconds: seconds(60) }),
  faults: ({ url }) => faults({ url, image: small, file: 'large.bin', rounds: count(50) }),
  load({ url }) {
    const workerd = childNamed('workerd');
    const clients = { atOnce: count(50), slow: 10, vanishing: 10 };
    return load({
      url,
      image: small,
      file: 'large.bin',
      ...clients,
      seconds: seconds(600),
      seed,
      holdings: () => holdingsOf(workerd),
    });
  },
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

/** Those that start it themselves. */
const others: Readonly<Record<string, () => Promise<object>>> = {
  async owners() {
    const { vars, tokens } = await deployment();
    const worker = await embeddedWorker({ vars });
    return hostile({ url: worker.url, image: ext4, tokens }).finally(() => worker.close());
  },
  kills() {
    const storage = mkdtempSync(join(tmpdir(), 'lkl-kills-'));
    const kill = () => process.kill(Number(childNamed('workerd')), 'SIGKILL');
    const killing = kills({ start: () => embeddedWorker({ storage }), kill, kills: count(30), seed });
    return killing.finally(() => rmSync(storage, { recursive: true, force: true }));
  },
};

/** The entry of those that need another one. */
const mains: Readonly<Record<string, string>> = { faults: 'test/worker/faulty-worker.ts' };

async function run(name: string): Promise<object> {
  const [attack, alone] = [attacks[name], others[name]];
  if (alone) return alone();
  if (!attack) {
    throw new Error(`there is no attack "${name}": ${[...Object.keys(attacks), ...Object.keys(others)].join(', ')}`);
  }
  const main = mains[name];
  const worker = await embeddedWorker(main === undefined ? {} : { main });
  try {
    return await attack(worker);
  } catch (cause) {
    for (const { level, message } of worker.log.slice(-20)) console.error(level, message);
    throw cause;
  } finally {
    if (process.env.VERBOSE) for (const { level, message } of worker.log) console.error(level, message);
    await worker.close();
  }
}

for (const name of positionals) {
  const report = await run(name);
  console.log(JSON.stringify({ [name]: report }, undefined, 2));
  // Findings are what an attack is for: whoever runs it in a script has to see that there were some.
  if ('findings' in report && Array.isArray(report.findings) && report.findings.length > 0) process.exitCode = 1;
}
