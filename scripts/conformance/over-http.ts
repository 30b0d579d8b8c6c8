/**
 * One file, three ways: by the command, as the body of a request, as an image that a Worker has stored. The tree must be the same byte
 * for byte, and so what is told of the image; a refusal must be one in all three.
 *
 *   npm run dev -- --port 8790 &
 *   node scripts/conformance/over-http.ts --url http://127.0.0.1:8790 FILE …
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { openAsBlob, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { root } from '../pins.ts';

const { values, positionals: files } = parseArgs({
  options: { url: { type: 'string', default: 'http://127.0.0.1:8787' } },
  allowPositionals: true,
});
const base = new URL(values.url);
const scratch = join(tmpdir(), `over-http-${process.pid}.tar`);
const MAX_OUTPUT = 64 << 20;

interface Answer {
  /** Of the tar; undefined where there is none, and `why` then. */
  readonly sha256?: string;
  readonly why?: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

const lkl = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(root, 'cli/lkl.mjs'), ...args], { encoding: 'utf8', maxBuffer: MAX_OUTPUT });

function byCommand(file: string): Answer {
  rmSync(scratch, { force: true });
  const { status, stderr } = lkl('fs2tar', '-q', file, '-o', scratch);
  if (status !== 0) return { why: stderr.trim().split('\n').at(-1) ?? '' };
  return { sha256: sha256(readFileSync(scratch)) };
}

async function answerOf(response: Response): Promise<Answer> {
  try {
    if (response.ok) return { sha256: sha256(await response.bytes()) };
    const { detail } = (await response.json()) as { detail: string };
    return { why: `${response.status} ${detail}` };
  } catch (cause) {
    return { why: `the answer broke off (${cause instanceof Error ? cause.message : cause})` };
  }
}

const at = (path: string): URL => new URL(path, base);

/** Without what a store adds, and lists of nothing, which the command has. */
function facts(json: string): unknown {
  const described = Object.entries(JSON.parse(json) as Record<string, unknown>);
  const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0;
  const own = new Set(['name', 'etag']);
  return Object.fromEntries(described.filter(([name, value]) => !own.has(name) && !isEmpty(value)));
}

let differ = 0;
for (const file of files) {
  const name = basename(file).replaceAll(/[^\w.-]/g, '_');
  const command = byCommand(file);
  const body = await answerOf(await fetch(at('/v1/fs2tar'), { method: 'POST', body: await openAsBlob(file) }));
  const put = await fetch(at(`/v1/images/${name}`), { method: 'PUT', body: await openAsBlob(file) });
  const stored = put.ok ? await answerOf(await fetch(at(`/v1/images/${name}/tar`))) : await answerOf(put);
  const told = lkl('info', '--json', file);
  const described = put.ok ? await fetch(at(`/v1/images/${name}`)) : put;
  const saysSame =
    told.status !== 0 || !described.ok
      ? (told.status === 0) === described.ok
      : isDeepStrictEqual(facts(told.stdout), facts(await described.text()));
  const same = new Set([command, body, stored].map(({ sha256 }) => sha256)).size === 1;
  if (!same || !saysSame) differ += 1;
  console.log(`${same ? (saysSame ? 'same' : 'INFO') : 'DIFFERS'}\t${file}\t${command.sha256 ?? ''}`);
  if (command.why !== undefined || !same) {
    for (const [way, { why, sha256: sum }] of Object.entries({ command, body, stored })) {
      console.log(`\t${way}: ${why ?? sum}`);
    }
  }
  if (!saysSame) console.log(`\tinfo: command ${told.status}, HTTP ${described.status}`);
}
rmSync(scratch, { force: true });
console.log(`${files.length} files, ${differ} differ`);
process.exitCode = differ > 0 ? 1 : 0;
