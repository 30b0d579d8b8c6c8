/** Hundreds of requests leave nothing of their kernels behind in workerd. */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const soak = fileURLToPath(new URL('../../scripts/soak-worker.ts', import.meta.url));

it('no mapping is left, by clients that hang up neither', () => {
  const options = [soak, '--requests', '12', '--json'];
  const run = execFileSync(process.execPath, options, { encoding: 'utf8' });
  const rows = JSON.parse(run) as { kind: string; mappings: number[] }[];
  expect(rows.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['batch', 'tar', 'simulation', 'session', 'cut']),
  );
  // Stacks left behind were 8 to 22 mappings for each of the hundreds of requests. Each session has files for a while.
  for (const { kind, mappings } of rows) {
    expect({ kind, mappings }).toSatisfy(() => (mappings[2] ?? 0) - (mappings[1] ?? 0) < 60);
  }
  expect((rows.at(-1)?.mappings[2] ?? 0) - (rows[0]?.mappings[0] ?? 0)).toBeLessThan(200);
}, 300_000);
