/** `npm run kernel:check`: the committed kernel, snapshot and tools belong to the committed sources, and to each other. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dist, inputHash, sha256 } from './pins.ts';
import { type ToolsJson, tools, userlandHash } from './userland-pins.ts';

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const kernel = json(dist.kernelJson);
const snapshot = json(dist.snapshotJson);
const vmlinux = sha256(readFileSync(dist.vmlinux));
const userland: ToolsJson = json(tools.json);
/** Of the tools whose bytes are not what tools.json says. */
const wrong = userland.tools
  .filter(({ name, sha256: said }) => sha256(readFileSync(join(tools.folder, `${name}.wasm`))) !== said)
  .map(({ name }) => name);

const facts: readonly (readonly [string, unknown, unknown, string])[] = [
  ['kernel.json: hash of all inputs', kernel.inputs, inputHash(), 'npm run kernel:build'],
  ['kernel.json: sha256 of vmlinux.wasm', kernel.sha256, vmlinux, 'npm run kernel:build'],
  [
    'kernel.json: sha256 of kernel.names.gz',
    kernel.names.sha256,
    sha256(readFileSync(dist.names)),
    'npm run kernel:build',
  ],
  ['snapshot.json: the kernel it was made by', snapshot.vmlinux, vmlinux, 'npm run snapshot'],
  ['snapshot.json: sha256 of kernel.wasm', snapshot.buildId, sha256(readFileSync(dist.snapshot)), 'npm run snapshot'],
  ['tools.json: hash of all inputs', userland.inputs, userlandHash(), 'npm run userland:build'],
  ['tools.json: sha256 of every tool', '', wrong.join(' '), 'npm run userland:build'],
];
for (const [what, committed, found, remedy] of facts) {
  const right = committed === found;
  console.log(`${right ? 'ok   ' : 'STALE'} ${what}${right ? '' : `: ${committed} is not ${found}; run ${remedy}`}`);
  if (!right) process.exitCode = 1;
}
