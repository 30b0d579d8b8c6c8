/** `node scripts/conformance/record-calls.ts`: what this machine's Linux (x86-64, as root) answers to test/conformance/calls.json. */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { groupOf } from '../../src/abi/constants.ts';
import { type ConstantGroup, constantGroups } from '../../src/abi/uapi/constants.ts';

const folder = new URL('../../test/conformance/', import.meta.url);
const cases = JSON.parse(readFileSync(new URL('calls.json', folder), 'utf8'));
const constants = Object.fromEntries(
  (Object.keys(constantGroups) as ConstantGroup[]).flatMap((group) => [...groupOf(group).values]),
);
const player = new URL('record_calls.py', import.meta.url).pathname;
const { status, stdout } = spawnSync('python3', [player], {
  input: JSON.stringify({ constants, cases }),
  encoding: 'utf8',
  stdio: ['pipe', 'pipe', 'inherit'],
  maxBuffer: 2 ** 26,
});
if (status !== 0) process.exit(1);
const answers: Record<string, unknown[]> = JSON.parse(stdout);
const lines = Object.entries(answers).map(
  ([name, results]) =>
    `    ${JSON.stringify(name)}: [\n${results.map((result) => `      ${JSON.stringify(result)}`).join(',\n')}\n    ]`,
);
const version = release().split('-')[0];
const text = `{\n  "linux": ${JSON.stringify(version)},\n  "cases": {\n${lines.join(',\n')}\n  }\n}\n`;
writeFileSync(new URL('linux.json', folder), text);
