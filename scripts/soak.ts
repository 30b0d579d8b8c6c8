/**
 * Kernels of every end, one after another on the machines of a pool: whether mappings, memory or files of this process grow.
 *
 *   node --expose-gc --max-semi-space-size=2 scripts/soak.ts [--rounds N] [--end NAME] [--json]
 *
 * Three samples a row, each after so many kernels more; with a small young generation, which else grows for long.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KernelPool } from '../src/kernel/pool/pool.ts';
import { nodeHost } from '../src/node/host.ts';
import { ends } from '../test/kernel/ends.ts';
import { dist } from './pins.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    end: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const SAMPLES = 3;
const rounds = Number(values.rounds);

const pool = new KernelPool(
  new WebAssembly.Module(readFileSync(dist.snapshot)),
  JSON.parse(readFileSync(dist.snapshotJson, 'utf8')),
  { budgetMib: 64, ready: 2, patienceMs: 5_000, host: nodeHost },
);

interface Row {
  readonly end: string;
  readonly mappings: number[];
  readonly rssMib: number[];
  readonly files: number[];
}

const rows: Row[] = [];
for (const [name, end] of Object.entries(ends)) {
  if (values.end !== undefined && values.end !== name) continue;
  const row: Row = { end: name, mappings: [], rssMib: [], files: [] };
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (let round = 0; round < rounds; round++) {
      const kernel = await pool.acquire({ host: nodeHost, memoryMib: 24 });
      await end(kernel);
      await kernel.gone;
      pool.refill();
    }
    // What a collection finalises is freed by the next.
    for (let pass = 0; pass < 2; pass++) {
      globalThis.gc?.();
      await nodeHost.pause(10);
    }
    row.mappings.push(readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n').length);
    row.rssMib.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
    row.files.push(readdirSync('/proc/self/fd').length);
  }
  rows.push(row);
}
if (values.json) console.log(JSON.stringify(rows));
else {
  console.log(
    `| after ${rounds}, ${2 * rounds}, ${3 * rounds} kernels | mappings | RSS, MiB | files |\n|---|---|---|---|`,
  );
  for (const { end, mappings, rssMib, files } of rows) {
    console.log(`| ${[end, mappings.join(' '), rssMib.join(' '), files.join(' ')].join(' | ')} |`);
  }
}
