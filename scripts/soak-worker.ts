/**
 * Requests of every kind that have a kernel, many of each, to a workerd of our own: whether its mappings, memory or files grow.
 *
 *   node scripts/soak-worker.ts [--requests N] [--kind NAME] [--json]
 *
 * Three samples a row, each after so many requests more. `cut`, a twentieth of them: two that are reset while their kernel runs.
 */

import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { embeddedWorker } from '../test/embedded/embedded-worker.ts';
import { fixture } from './worker/fixture.ts';
import { childNamed, holdingsOf } from './worker/process.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '200' },
    kind: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const SAMPLES = 3;
const count = Number(values.requests);

const worker = await embeddedWorker();
const workerd = childNamed('workerd');

async function send(path: string, body: unknown, method = 'POST', expected = 200): Promise<Response> {
  const raw = body instanceof Uint8Array;
  const answer = await fetch(new URL(path, worker.url), {
    method,
    headers: { 'content-type': raw ? 'application/octet-stream' : 'application/json' },
    ...(body !== undefined && { body: raw ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
  });
  if (answer.status >= 400 && answer.status !== expected)
    throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

const drained = async (answer: Promise<Response>): Promise<void> => {
  await (await answer).arrayBuffer();
};

/** Sends a request, and a reset once the kernel must have begun. */
async function cut(path: string, body: unknown): Promise<void> {
  const text = JSON.stringify(body);
  const socket = connect(Number(worker.url.port), worker.url.hostname);
  socket.on('error', () => {});
  const head = ['POST', `/${path}`, 'HTTP/1.1'].join(' ');
  const fields = [`host: ${worker.url.host}`, 'content-type: application/json', `content-length: ${text.length}`];
  socket.write(`${[head, ...fields].join('\r\n')}\r\n\r\n${text}`);
  await delay(30);
  socket.resetAndDestroy();
}

const pipe = { call: 'pipe2', args: [{ out: 'int[2]' }, 0], as: 'pipe' };
const sleep = (seconds: number) => ({ call: 'nanosleep', args: [{ tv_sec: seconds, tv_nsec: 0 }, null] });
const task = { calls: [sleep(1)] };
const ext4 = await fixture('ext4');
const simulation = {
  duration: '1s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '10mbit' }],
  workloads: [{ type: 'ping', from: 'a', to: 'b', count: 5 }],
};

const kinds: Readonly<Record<string, () => Promise<void>>> = {
  batch: () => drained(send('v1/syscalls', { calls: [{ call: 'getpid' }] })),
  'batch of 8 tasks': () =>
    drained(send('v1/syscalls', { tasks: Object.fromEntries('abcdefgh'.split('').map((name) => [name, task])) })),
  deadlock: () =>
    drained(
      send('v1/syscalls', { calls: [pipe, { call: 'read', args: [{ ref: 'pipe.0' }, { out: 1 }, 1] }] }, 'POST', 422),
    ),
  'exit of pid 1': () => drained(send('v1/syscalls', { calls: [{ call: 'exit_group', args: [1] }] })),
  tar: () => drained(send('v1/fs2tar', ext4)),
  simulation: () => drained(send('v1/simulations', simulation)),
  session: async () => {
    const { id } = (await (await send('v1/sessions', {})).json()) as { id: string };
    await drained(send(`v1/sessions/${id}/syscalls`, { calls: [{ call: 'getpid' }] }));
    await drained(send(`v1/sessions/${id}`, undefined, 'DELETE'));
  },
  /** As many as the pool has room for, and one more that gets its turn when the others are found gone. */
  cut: async () => {
    for (let made = 0; made < 2; made++) await cut('v1/syscalls', { clock: 'wall', calls: [sleep(600)] });
    await drained(send('v1/syscalls', { calls: [{ call: 'getpid' }] }));
  },
};

interface Row {
  readonly kind: string;
  readonly mappings: number[];
  readonly rssMib: number[];
  readonly files: number[];
}

const rows: Row[] = [];
for (const [kind, request] of Object.entries(kinds)) {
  if (values.kind !== undefined && values.kind !== kind) continue;
  const row: Row = { kind, mappings: [], rssMib: [], files: [] };
  for (let sample = 0; sample < SAMPLES; sample++) {
    // Who is cut is found gone after seconds.
    for (let made = 0; made < (kind === 'cut' ? count / 20 : count); made++) await request();
    await delay(200);
    const { mappings, rssMib, files } = holdingsOf(workerd);
    row.mappings.push(mappings);
    row.rssMib.push(rssMib);
    row.files.push(files);
  }
  rows.push(row);
  if (!values.json)
    console.log(`| ${[kind, row.mappings.join(' '), row.rssMib.join(' '), row.files.join(' ')].join(' | ')} |`);
}
if (values.json) console.log(JSON.stringify(rows));
await worker.close();
