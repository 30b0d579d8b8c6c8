/** What benchmarks answer: numbers under flat names, with their units at the end. */

export type Results = Readonly<Record<string, number>>;

export interface BenchOptions {
  /** Small images and few samples: to see that it runs. */
  readonly quick: boolean;
  /** For images; removed afterwards. */
  readonly folder: string;
}

export const median = (values: readonly number[]): number => percentile(values, 50);

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.ceil((sorted.length * percent) / 100) - 1];
  if (value === undefined) throw new Error('no samples');
  return value;
}

export const MB = 1e6;

export async function timed(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}
