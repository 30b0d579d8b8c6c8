/** How long one request keeps everybody else waiting: processor time of the Worker between a `/healthz` that is asked and its answer. */

import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { type Ask, as, bytes, call, Findings, json } from './client.ts';

export interface BlocksOptions {
  readonly url: URL;
  /** The process of the Worker: its first thread is the isolate's. */
  readonly pid: string;
  readonly image: Uint8Array;
  readonly rounds: number;
  readonly only?: readonly string[];
}

export interface BlocksReport {
  /** Milliseconds, the longest of each round, of which this is the one in the middle; and how often others were answered meanwhile. */
  readonly longest: Readonly<
    Record<string, { readonly ms: number; readonly answered: number; readonly status: number }>
  >;
  readonly findings: readonly string[];
}

/** Nothing that anybody asks for may keep others waiting for longer, on a machine that is not slower than those of ten years ago. */
const MOST_MS = 5000;

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const base64 = (length: number) => Buffer.alloc(length, 0x61).toString('base64');

/** A program of one size or another, so that what takes long is seen. */
type Kind = (ask: Ask, image: Uint8Array) => Promise<Response>;

const batch =
  (body: object): Kind =>
  (ask) =>
    ask('/v1/syscalls', json(body));

const readMuch = [
  { ...call('memfd_create', 'x', 0), as: 'x' },
  call('ftruncate', { ref: 'x' }, 3_900_000),
  call('pread64', { ref: 'x' }, { out: 3_900_000 }, 3_900_000, 0),
];

const hosts = Object.fromEntries(many(400, (i) => [`h${i}`, {}]));
const star = {
  hosts,
  switches: { s: {} },
  links: many(400, (i) => ({ endpoints: [`h${i}`, 's'] })),
  duration: '1ms',
};

const kinds: Readonly<Record<string, Kind>> = {
  'nothing at all': (ask) => ask('/v1/syscalls', json({ calls: [] })),
  'the API document': (ask) => ask('/openapi.json'),
  '60,000 calls': batch({ calls: many(60_000, () => call('getpid')) }),
  '15 MB of JSON in one text': batch({
    calls: [call('write', 1, { base64: base64(3 * 2 ** 20) }, 1), { call: 'x'.repeat(11_000_000) }],
  }),
  '450,000 values': batch({ calls: [{ call: 'getpid', args: [many(450_000, () => 1)] }] }),
  'one result of 3.9 MB': batch({ calls: readMuch }),
  'the same with strace': batch({ calls: readMuch, strace: true }),
  'three calls with 3.5 MB of base64': batch({
    calls: many(3, () => call('write', 1, { base64: base64(3_500_000) }, 3_500_000)),
  }),
  '64 tasks of 500 calls': batch({
    tasks: Object.fromEntries(many(64, (i) => [`t${i}`, { calls: many(500, () => call('getpid')) }])),
  }),
  '50,000 lines of code in a packetdrill script': (ask) =>
    ask('/v1/packetdrill', json({ script: `0 %{\n${many(50_000, (i) => `a${i} = ${i}`).join('\n')}\n}%` })),
  'a network of 400 hosts': (ask) => ask('/v1/simulations', json(star)),
  '10,000 events': (ask) =>
    ask(
      '/v1/simulations',
      json({
        hosts: { a: {}, b: {} },
        links: [{ endpoints: ['a', 'b'] }],
        duration: '1s',
        events: many(10_000, (i) => ({ type: 'link', at: `${i}us`, link: 'a-b', delay: '1ms' })),
      }),
    ),
  'a tar of an image that is sent along': (ask, image) => ask('/v1/fs2tar', bytes(image, 'POST')),
  'storing an image': (ask, image) => ask('/v1/images/blocks', bytes(image)),
  'a tar of a stored image': (ask) => ask('/v1/images/blocks/tar'),
  'a zip of a stored image': (ask) => ask('/v1/images/blocks/zip'),
  'a new file system': (ask) =>
    ask(`/v1/images/blocks-${crypto.randomUUID()}/mkfs?type=ext4&size=1G`, { method: 'POST' }),
  'a session of 64 MiB, stored': async (ask) => {
    const made = await ask('/v1/sessions', json({ memory: 64, expires_in_s: 300 }));
    const { id } = (await made.json()) as { readonly id: string };
    const fill = many(40, (i) => call('pwrite64', { ref: 'x' }, { base64: base64(2 ** 18) }, 2 ** 18, i * 2 ** 18));
    await ask(
      `/v1/sessions/${id}/syscalls`,
      json({ calls: [{ ...call('open', '/x', 'O_RDWR|O_CREAT', 384), as: 'x' }, ...fill] }),
    );
    const stored = await ask(`/v1/sessions/${id}/suspend`, { method: 'POST' });
    await ask(`/v1/sessions/${id}`, { method: 'DELETE' });
    return stored;
  },
};

/** Of the isolate's thread, in nanoseconds. */
const cpuNs = (pid: string): number => Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]);

async function beside(options: BlocksOptions, ask: Ask, kind: Kind) {
  let over = false;
  let status = 0;
  const working = kind(ask, options.image).then(async (answer) => {
    status = answer.status;
    await answer.arrayBuffer().catch(() => undefined);
    over = true;
  });
  let longestNs = 0;
  let answered = 0;
  while (!over) {
    const before = cpuNs(options.pid);
    const answer = await ask('/healthz');
    await answer.arrayBuffer();
    longestNs = Math.max(longestNs, cpuNs(options.pid) - before);
    if (answer.ok) answered++;
  }
  await working;
  return { ms: longestNs / 1e6, answered, status };
}

export async function blocks(options: BlocksOptions): Promise<BlocksReport> {
  const findings = new Findings();
  const ask = as(options.url, 'blocks');
  try {
    setPriority(-10); // who asks is not to be late himself
  } catch {
    // that is root's to do
  }
  const longest: Record<string, BlocksReport['longest'][string]> = {};
  for (const [name, kind] of Object.entries(kinds)) {
    if (options.only && !options.only.some((begin) => name.startsWith(begin))) continue;
    const rounds: Awaited<ReturnType<typeof beside>>[] = [];
    for (let round = 0; round < options.rounds; round++) rounds.push(await beside(options, ask, kind));
    const middle = rounds.toSorted((a, b) => a.ms - b.ms)[rounds.length >> 1] ?? { ms: 0, answered: 0, status: 0 };
    longest[name] = { ...middle, ms: Math.round(middle.ms * 10) / 10 };
    findings.must(middle.ms <= MOST_MS, `${name}: others wait for ${middle.ms} ms of the processor`);
    const isTold = middle.status === 503 || middle.status === 504; // a busy machine, a deadline
    findings.must(middle.status < 500 || isTold, `${name}: ${middle.status}`);
  }
  return { longest, findings: findings.all };
}
