/** Fifty honest requests at once for minutes, beside clients that are slow and clients that vanish: none is lost, and memory is flat. */

import type { Holdings } from '../worker/process.ts';
import { Figures, type KindFigures } from './figures.ts';
import { mixedRequests } from './mixed.ts';
import { asked } from './plateau.ts';
import { connected, randomFrom, sleep, type WireRequest, wireBytes } from './wire.ts';

export interface LoadOptions {
  readonly url: URL;
  readonly image: Uint8Array<ArrayBuffer>;
  readonly file: string;
  readonly atOnce: number;
  readonly slow: number;
  readonly vanishing: number;
  readonly seconds: number;
  readonly seed: number;
  holdings(): Holdings;
}

export interface LoadReport {
  readonly kinds: Readonly<Record<string, KindFigures>>;
  /** A batch of one call, asked for now and then beside all that. */
  readonly oneCall: KindFigures;
  readonly answered: number;
  readonly lost: number;
  readonly vanished: number;
  /** Every so often. */
  readonly held: readonly Holdings[];
  readonly findings: readonly string[];
}

const SAMPLES = 12;
/** Within so long one that vanishes does: ten of them are some seven requests a second, not a flood that takes a core by itself. */
const VANISH_MS = 3000;

export async function load(options: LoadOptions): Promise<LoadReport> {
  const { url, atOnce, slow, vanishing, seconds, seed, holdings } = options;
  const mixed = Object.entries(await mixedRequests(options));
  const figures = new Map(mixed.map(([kind]) => [kind, new Figures()]));
  const random = randomFrom(seed);
  const untilMs = performance.now() + 1000 * seconds;
  const goesOn = () => performance.now() < untilMs;
  let vanished = 0;

  const honest = async () => {
    while (goesOn()) {
      const [kind, request] = mixed[Math.floor(random() * mixed.length)] ?? ['', async () => {}];
      await asked(request, figures.get(kind) ?? new Figures(), goesOn);
    }
  };
  const wire = async (request: WireRequest, forMs: () => number) => {
    while (goesOn()) {
      const socket = await connected(url);
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      socket.once('data', () => socket.pause());
      socket.write(wireBytes(request));
      await sleep(forMs());
      socket.resetAndDestroy();
      vanished++;
    }
  };
  const tar: WireRequest = { method: 'GET', path: '/v1/images/mixed/tar' };
  const sleeps = { clock: 'wall', calls: [{ call: 'nanosleep', args: [{ tv_sec: 2, tv_nsec: 0 }, null] }] };
  const batch: WireRequest = {
    method: 'POST',
    path: '/v1/syscalls',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(sleeps),
  };
  const oneCall = new Figures();
  const probe = async () => {
    const [, request = async () => {}] = mixed.find(([kind]) => kind === 'batch') ?? [];
    for (; goesOn(); await sleep(500)) await asked(request, oneCall, goesOn);
  };
  const held: Holdings[] = [];
  const watch = async () => {
    for (; goesOn(); await sleep((1000 * seconds) / SAMPLES)) held.push(holdings());
  };
  await Promise.all([
    ...Array.from({ length: atOnce }, honest),
    ...Array.from({ length: slow }, () => wire(tar, () => 5000)),
    ...Array.from({ length: vanishing }, (_, at) => wire(at % 2 ? tar : batch, () => VANISH_MS * random())),
    probe(),
    watch(),
  ]);
  const kinds = Object.fromEntries([...figures].map(([kind, { all }]) => [kind, all]));
  const all = [...Object.values(kinds), oneCall.all];
  const findings = all.flatMap(({ failed }) => failed);
  const answered = all.reduce((sum, one) => sum + one.answered, 0);
  return { kinds, oneCall: oneCall.all, answered, lost: findings.length, vanished, held, findings };
}
