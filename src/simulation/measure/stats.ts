/** Numbers about numbers: percentiles, fairness, rates. */

export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** Standard deviation of the values themselves, as ping(8) has its mdev. */
  readonly deviation: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  /** At 0 %, 5 % … 100 %: the distribution as a curve. */
  readonly quantiles: readonly number[];
}

/** Percentile by linear interpolation between the two nearest ranks; `sorted` ascends and has an element. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const at = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

/** Undefined without values. */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const count = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / count;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  return {
    count,
    min: percentile(sorted, 0),
    mean,
    max: percentile(sorted, 1),
    deviation: Math.sqrt(variance),
    p50: percentile(sorted, 0.5),
    p90: percentile(sorted, 0.9),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    quantiles: Array.from({ length: 21 }, (_, i) => percentile(sorted, i / 20)),
  };
}

/** Jain's fairness index: 1 when all get the same, 1/n when one gets everything. Undefined when nobody gets anything. */
export function jainIndex(shares: readonly number[]): number | undefined {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share ** 2, 0);
  return squares === 0 ? undefined : sum ** 2 / (shares.length * squares);
}

/** Bits a second. */
export const bitRate = (bytes: number, ns: number): number => (ns > 0 ? (bytes * 8 * 1e9) / ns : 0);

/** Jitter of RFC 3550, 6.4.1: a running mean of how transit times differ from one packet to the next. */
export class InterarrivalJitter {
  #last: number | undefined;
  #sum = 0;
  /** The estimate now. */
  value = 0;
  max = 0;
  /** How much each transit time differed from the one before. */
  readonly differences: number[] = [];

  add(transit: number): void {
    if (this.#last !== undefined) {
      const difference = Math.abs(transit - this.#last);
      this.differences.push(difference);
      this.value += (difference - this.value) / 16;
      this.max = Math.max(this.max, this.value);
      this.#sum += this.value;
    }
    this.#last = transit;
  }

  /** Of the estimate, over all packets but the first. */
  get mean(): number {
    return this.differences.length === 0 ? 0 : this.#sum / this.differences.length;
  }
}
