/** What a report draws: lines over virtual time, gathered sample by sample, so that no sample need be kept. */

/** What is used of a sample. */
export interface DrawnSample {
  readonly time_s: number;
  readonly tcp: readonly {
    readonly workload: number;
    readonly cwnd: number;
    readonly srtt_ms: number;
    readonly delivery_rate_bps: number;
    readonly unacked: number;
  }[];
  readonly links: readonly ({ readonly link: string } & Readonly<Record<Way, readonly DrawnQdisc[]>>)[];
}

interface DrawnQdisc {
  readonly kind: string;
  readonly drops: number;
  readonly backlog_bytes: number;
}

export type Way = 'forward' | 'reverse';

export interface Chart {
  readonly title: string;
  readonly unit: string;
  /** Lines that were left out, as there are too many to tell apart. */
  readonly hidden: number;
  readonly times: readonly number[];
  readonly lines: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

/** Colours that can be told apart. */
const MAX_LINES = 10;

/** Values by index of the sample; holes where there was nothing to see. */
type Lines = Map<string, number[]>;

export class ChartRecorder {
  readonly #times: number[] = [];
  readonly #delivery: Lines = new Map();
  readonly #cwnd: Lines = new Map();
  readonly #srtt: Lines = new Map();
  readonly #backlog: Lines = new Map();
  readonly #drops: Lines = new Map();

  add({ time_s, tcp, links }: DrawnSample): void {
    const at = this.#times.push(time_s) - 1;
    const streams = new Map<number, number>();
    for (const { workload, cwnd, srtt_ms, delivery_rate_bps, unacked } of tcp) {
      const key = `${workload}`;
      // Linux keeps the last rate while nothing is under way.
      addTo(this.#delivery, key, at, unacked === 0 ? 0 : delivery_rate_bps);
      addTo(this.#cwnd, key, at, cwnd);
      addTo(this.#srtt, key, at, srtt_ms);
      streams.set(workload, (streams.get(workload) ?? 0) + 1);
    }
    for (const [workload, count] of streams) {
      const line = this.#srtt.get(`${workload}`) ?? [];
      line[at] = (line[at] ?? 0) / count;
    }
    for (const { link, forward, reverse } of links) {
      for (const [way, qdiscs] of [['forward', forward] as const, ['reverse', reverse] as const]) {
        // Each counts what those below it hold and drop too; netem's own are packets on their way.
        const queues = qdiscs.filter(({ kind }) => kind !== 'netem');
        addTo(this.#backlog, `${link} ${way}`, at, Math.max(0, ...queues.map((qdisc) => qdisc.backlog_bytes)));
        addTo(this.#drops, `${link} ${way}`, at, Math.max(0, ...qdiscs.map((qdisc) => qdisc.drops)));
      }
    }
  }

  /** `flows` are names of workloads in their order; `links` what the ways of a link are called. Charts without a value are left out. */
  charts(flows: readonly string[], links: ReadonlyMap<string, Readonly<Record<Way, string>>>): Chart[] {
    const flow = (key: string) => flows[Number(key)] ?? key;
    const way = (key: string) => {
      const space = key.lastIndexOf(' ');
      return links.get(key.slice(0, space))?.[key.slice(space + 1) as Way] ?? key;
    };
    return [
      this.#chart('Delivery rate', bits, this.#delivery, flow),
      this.#chart('Round-trip time', milliseconds, this.#srtt, flow),
      this.#chart('Congestion window', [['segments', 1]], this.#cwnd, flow),
      this.#chart('Queue', bytes, this.#backlog, way),
      this.#chart('Lost and dropped packets, in all', [['packets', 1]], this.#drops, way),
    ].filter(({ lines }) => lines.length > 0);
  }

  /** In the largest unit that leaves the peak at 1 or more. */
  #chart(title: string, units: readonly Unit[], lines: Lines, labelOf: (key: string) => string): Chart {
    const peaks = [...lines]
      .map(([key, values]) => ({ key, values, peak: values.reduce((peak, value) => Math.max(peak, value), 0) }))
      .filter(({ peak }) => peak > 0);
    const shown = new Set(peaks.toSorted((a, b) => b.peak - a.peak).slice(0, MAX_LINES));
    const most = Math.max(0, ...[...shown].map(({ peak }) => peak));
    const [unit, size] = units.find(([, size]) => most >= size) ?? units.at(-1) ?? ['', 1];
    return {
      title,
      unit,
      hidden: peaks.length - shown.size,
      times: this.#times,
      lines: peaks
        .filter((line) => shown.has(line))
        .map(({ key, values }) => ({
          label: labelOf(key),
          values: this.#times.map((_, at) => rounded(values[at], size)),
        })),
    };
  }
}

type Unit = readonly [name: string, size: number];
const bits: readonly Unit[] = [
  ['Gbit/s', 1e9],
  ['Mbit/s', 1e6],
  ['kbit/s', 1e3],
  ['bit/s', 1],
];
const bytes: readonly Unit[] = [
  ['MB', 1e6],
  ['kB', 1e3],
  ['B', 1],
];
const milliseconds: readonly Unit[] = [
  ['ms', 1],
  ['µs', 1e-3],
];

/** Five digits tell more than a picture shows. */
const rounded = (value: number | undefined, size: number): number | null =>
  value === undefined ? null : Number((value / size).toPrecision(5));

function addTo(lines: Lines, key: string, at: number, value: number): void {
  const line = lines.get(key) ?? [];
  lines.set(key, line);
  line[at] = (line[at] ?? 0) + value;
}
