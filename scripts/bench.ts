/** `npm run bench -- [--json FILE] [--quick]`: measures, in workerd as the command line tool runs it. As root, against native mounts. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fs2tar } from './bench/fs2tar.ts';
import { kernel } from './bench/kernel.ts';
import { library } from './bench/library.ts';
import type { Results } from './bench/result.ts';
import { session } from './bench/session.ts';
import { simulation } from './bench/simulation.ts';
import { size } from './bench/size.ts';
import { start } from './bench/start.ts';

const { values } = parseArgs({ options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } } });

const folder = mkdtempSync(join(tmpdir(), 'lkl-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true }));

const results: Record<string, number> = {};
for (const bench of [size, start, kernel, session, simulation, library, fs2tar]) {
  console.error(`${bench.name} …`);
  Object.assign(results, await bench({ quick: values.quick, folder }));
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
console.log(table(results));

/** Three digits tell enough. */
function table(all: Results): string {
  const rows = Object.entries(all).map(
    ([name, value]) => `| ${name} | ${Number(value.toPrecision(3)).toLocaleString('en')} |`,
  );
  return [`| on ${cpus().length} × ${cpus()[0]?.model} | |`, '|---|--:|', ...rows].join('\n');
}
