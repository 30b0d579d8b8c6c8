/** Many mixed requests, a few at once: whether what the process holds stops to grow. */

import type { Holdings } from '../worker/process.ts';
import { Figures, type KindFigures } from './figures.ts';
import { type MixedOptions, mixedRequests, ToldToComeBack } from './mixed.ts';
import { randomFrom, sleep } from './wire.ts';

export interface PlateauOptions extends MixedOptions {
  readonly count: number;
  readonly atOnce: number;
  readonly seed: number;
  readonly samples: number;
  holdings(): Holdings;
  /** Told of each sample. */
  progress?(requests: number, held: Holdings): void;
}

export interface PlateauReport {
  readonly kinds: Readonly<Record<string, KindFigures>>;
  /** After each share of the requests. */
  readonly held: readonly (Holdings & { readonly requests: number })[];
}

export async function plateau(options: PlateauOptions): Promise<PlateauReport> {
  const { count, atOnce, samples, seed, holdings, progress } = options;
  const mixed = Object.entries(await mixedRequests(options));
  const figures = new Map(mixed.map(([kind]) => [kind, new Figures()]));
  const random = randomFrom(seed);
  const held: (Holdings & { requests: number })[] = [];
  let done = 0;
  const client = async (): Promise<void> => {
    while (done < count) {
      done++;
      const [kind, request] = mixed[Math.floor(random() * mixed.length)] ?? ['', async () => {}];
      await asked(request, figures.get(kind) ?? new Figures());
      if (done < (held.length + 1) * (count / samples)) continue;
      const now = holdings();
      held.push({ requests: done, ...now });
      progress?.(done, now);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  return { kinds: Object.fromEntries([...figures].map(([kind, { all }]) => [kind, all])), held };
}

/** Who is told to come back so often was not served. */
const PATIENCE = 100;

/** A request, again as often as the service asks for that, as long as `goesOn`. */
export async function asked(
  request: () => Promise<void>,
  figures: Figures,
  goesOn: () => boolean = () => true,
): Promise<void> {
  for (let times = 0; ; times++) {
    const start = performance.now();
    try {
      await request();
      return figures.answered(performance.now() - start);
    } catch (cause) {
      if (!(cause instanceof ToldToComeBack) || times === PATIENCE) return figures.failed(cause);
      figures.comeBack();
      if (!goesOn()) return;
      await sleep(1000 * cause.afterS);
    }
  }
}
