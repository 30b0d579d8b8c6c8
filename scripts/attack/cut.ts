/** Requests of every kind whose client vanishes at a random moment: afterwards the service is as it was. */

import { openFront } from '../../cli/serve/front.ts';
import { call, type Kind, type Kinds } from './cut/kind.ts';
import { type Aims, deleteSessions, ofSessions, withoutSessions } from './cut/setup.ts';
import { connected, randomFrom, sleep, wireBytes } from './wire.ts';

export interface CutOptions extends Aims {
  readonly count: number;
  readonly atOnce: number;
  readonly seed: number;
  /** Within so many milliseconds a client is cut. */
  readonly withinMs: number;
  /** Kinds whose names begin so. Default: all. */
  readonly only?: readonly string[];
}

export interface CutReport {
  /** By kind, how many were cut, and what they had been answered by then, by status. */
  readonly cuts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What the OpenAPI document calls them. */
  readonly operations: readonly string[];
  readonly total: number;
  /** By FIN; the others by RST. */
  readonly finished: number;
  /** The longest until all was whole again, after a round, and after which kinds. */
  readonly wholeMs: number;
  /** What a batch of the usual kind is answered in the end. */
  readonly status: number;
  readonly findings: readonly string[];
}

/** So many are cut before it is looked whether all is whole: of kinds without sessions, then of those with them. */
const ROUND = 50;

async function cutOne(url: URL, kind: Kind, random: () => number, withinMs: number) {
  const socket = await connected(url);
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  const bytes = wireBytes(kind);
  // A third are cut while they are sent.
  const sent = random() < 0.33 ? Math.floor(random() * bytes.length) : bytes.length;
  let head = '';
  socket.once('data', (chunk: Buffer) => {
    head = chunk.subarray(0, 32).toString('latin1');
    // Half of them take nothing more than the first bytes, so that the answer stands on its way.
    if (random() < 0.5) socket.pause();
  });
  socket.write(bytes.subarray(0, sent));
  if (kind.frames && sent === bytes.length) {
    await sleep(random() * 30);
    for (const frame of kind.frames) socket.write(frame);
  }
  await sleep(random() ** 2 * withinMs);
  const isFin = random() < 0.3;
  if (isFin) socket.destroy();
  else socket.resetAndDestroy();
  return { status: /^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 'none', isFin };
}

interface Health {
  readonly ready: boolean;
  readonly kernels: number;
  readonly waiting: number;
  readonly memory: { readonly body_bytes: number };
}

/** Throws when the service is not whole within `limitMs`. */
export async function untilWhole(url: URL, kernels: number, limitMs: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const health = (await (await fetch(new URL('/healthz', url))).json()) as Health;
    const passed = performance.now() - start;
    if (health.ready && health.kernels <= kernels && health.waiting === 0 && health.memory.body_bytes === 0)
      return passed;
    if (passed > limitMs) throw new Error(`not whole after ${limitMs} ms: ${JSON.stringify(health)}`);
    await sleep(100);
  }
}

/** What a service that is used needs to be whole: leases are taken back within 2.5 s and three looks. */
const WHOLE_MS = 5_000;

/** What no request of these is answered: it is wrong itself, or the service is. */
const isWrong = (status: string): boolean => /^(400|401|403|405|406|415|5(?!03)..)$/.test(status);

/** By the door that a service on a machine of one's own has: workerd alone takes a FIN for the end of what is said. */
export async function cut(options: CutOptions): Promise<CutReport> {
  const { hostname, port } = options.url;
  const worker = { host: hostname, port: Number(port) };
  const front = await openFront({ host: hostname, port: 0, to: () => worker });
  const door = new URL(`http://${hostname}:${front.port}`);
  return cutAt(door, options).finally(() => front.close());
}

async function cutAt(door: URL, options: CutOptions): Promise<CutReport> {
  const { url, count, atOnce, seed, withinMs, only } = options;
  const random = randomFrom(seed);
  const cuts: Record<string, Record<string, number>> = {};
  const findings: string[] = [];
  let [total, finished, wholeMs] = [0, 0, 0];
  const chosen = (kinds: Kinds) =>
    Object.entries(kinds).filter(([name]) => only === undefined || only.some((begin) => name.startsWith(begin)));

  /** Cuts `most` of these kinds, each as often as the others, and waits until nothing is left of them. */
  async function round(kinds: readonly (readonly [string, Kind])[], from: number, most: number): Promise<void> {
    let next = 0;
    const worker = async () => {
      while (next < most) {
        const [name, kind] = kinds[(from + next++) % kinds.length] ?? [];
        if (name === undefined || kind === undefined) return;
        const { status, isFin } = await cutOne(door, kind, random, withinMs);
        const counts = cuts[name] ?? {};
        cuts[name] = { ...counts, [status]: (counts[status] ?? 0) + 1 };
        total++;
        if (isFin) finished++;
        if (isWrong(status)) findings.push(`${name} was answered ${status}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    await deleteSessions(options);
    const names = kinds.map(([name]) => name).join(', ');
    wholeMs = await untilWhole(url, 0, WHOLE_MS).then(
      (ms) => Math.max(ms, wholeMs),
      (cause: unknown) => {
        findings.push(`after ${names}: ${(cause as Error).message}`);
        return wholeMs;
      },
    );
  }

  const operations = new Set<string>();
  const own = chosen(await withoutSessions(options));
  for (const [, { operation }] of own) operations.add(operation);
  let [ownCut, theirsCut] = [0, 0];
  while (total < count) {
    const half = Math.min(ROUND, count - total);
    if (own.length > 0) {
      await round(own, ownCut, half);
      ownCut += half;
    }
    const theirs = chosen(await ofSessions(options));
    for (const [, { operation }] of theirs) operations.add(operation);
    const rest = Math.min(ROUND, count - total);
    if (theirs.length > 0 && rest > 0) {
      await round(theirs, theirsCut, rest);
      theirsCut += rest;
    } else await deleteSessions(options);
    if (own.length + theirs.length === 0) throw new Error(`no kind begins with ${only?.join(', ')}`);
  }
  const last = await fetch(new URL('/v1/syscalls', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ calls: [call('getpid')] }),
  });
  await last.arrayBuffer();
  return {
    cuts,
    operations: [...operations],
    total,
    finished,
    wholeMs: Math.round(wholeMs),
    status: last.status,
    findings,
  };
}
