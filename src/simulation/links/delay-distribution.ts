/** Tables of delay distributions for netem: samples in units of jitter / 8192, as tc reads from its .dist files. */

/** Words of tc-netem(8); uniform needs no table. */
export type DelayDistribution = 'uniform' | 'normal' | 'pareto' | 'paretonormal';

const scale = 8192;
const samples = 4096;

/** The table of a distribution: its quantiles at even steps, so the kernel draws from it by drawing a row. */
export function delayTable(distribution: DelayDistribution): Int16Array | undefined {
  if (distribution === 'uniform') return undefined;
  const quantile = quantiles[distribution];
  return Int16Array.from({ length: samples }, (_, i) => clamp(Math.round(scale * quantile((i + 0.5) / samples))));
}

const clamp = (value: number): number => Math.max(-0x8000, Math.min(0x7fff, value));

const quantiles = {
  normal: normalQuantile,
  pareto: paretoQuantile,
  paretonormal: (p: number) => 0.25 * normalQuantile(p) + 0.75 * paretoQuantile(p),
};

/** Pareto with shape 3, moved to mean 0 and widened by the 4/3 of tc's own table, so that the word means the same here. */
function paretoQuantile(p: number): number {
  return ((1 - p) ** (-1 / 3) - 1.5) * (4 / 3);
}

/** Inverse of the standard normal distribution by bisection of its integral, a hundred times finer than the table. */
function normalQuantile(p: number): number {
  if (p < 0.5) return -normalQuantile(1 - p);
  let [low, high] = [0, 4];
  for (let i = 0; i < 22; i++) {
    const middle = (low + high) / 2;
    if (normalIntegral(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The standard normal distribution function by its series around 0 (Abramowitz and Stegun 26.2.11). */
function normalIntegral(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > 1e-16; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
