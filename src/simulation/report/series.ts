/** What a report draws: lines over virtual time, gathered sample by sample, so that no sample need be kept; and distributions. */

import type { Sample } from '../measure/sampler.ts';
import type { Summary } from '../measure/stats.ts';

/** What is used of a sample: one of an older answer may lack what flows did. */
export type DrawnSample = Pick<Sample, 'time_s' | 'tcp' | 'links'> & Partial<Pick<Sample, 'flows' | 'events'>>;

export type Way = 'forward' | 'reverse';

export interface Chart {
  readonly title: string;
  readonly unit: string;
  /** What lies along the bottom: seconds of virtual time, the values of a distribution, or those of a parameter. */
  readonly along: 'time' | 'values' | 'parameter';
  /** Of a parameter: its values, in the order in which `times` counts them from 0. */
  readonly ticks?: readonly string[];
  /** Lines that were left out, as there are too many to tell apart. */
  readonly hidden: number;
  readonly times: readonly number[];
  readonly lines: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

/** Of lines, in their order: colours that can be told apart on light and on dark. */
export const palette: readonly string[] = [
  '#3b7dd8',
  '#e0662f',
  '#2a9d6f',
  '#b565c9',
  '#c9a227',
  '#d64570',
  '#3aa6b9',
  '#8a7a66',
  '#6c6ee0',
  '#7f9c2d',
];

/** What the lines of a link are called. */
export interface DrawnLink {
  readonly names: Readonly<Record<Way, string>>;
}

/** A flow, and the distribution of its times if it has any. */
export interface DrawnFlow {
  readonly name: string;
  /** It only asks how long: what it carries is not drawn. */
  readonly isProbe?: boolean;
  readonly times?: Summary;
}

/** Colours that can be told apart. */
export const MAX_LINES = 10;

/** Values by index of the sample; holes where there was nothing to see. */
type Lines = Map<string, number[]>;

const ways: readonly Way[] = ['forward', 'reverse'];

export class ChartRecorder {
  readonly #times: number[] = [];
  readonly #latency: Lines = new Map();
  readonly #cwnd: Lines = new Map();
  /** Bytes that arrived from sample to sample; of TCP those that were acknowledged. */
  readonly #bytes: Lines = new Map();
  /** Of connections at the sample before. */
  readonly #acked = new Map<string, number>();
  readonly #backlog: Lines = new Map();
  readonly #waits: Lines = new Map();
  readonly #rates: Lines = new Map();
  readonly #sent: Lines = new Map();
  readonly #drops: Lines = new Map();

  add({ time_s, tcp, links, flows = [] }: DrawnSample): void {
    const at = this.#times.push(time_s) - 1;
    const streams = new Map<number, number>();
    for (const { workload, stream, cwnd, srtt_ms, bytes_acked } of tcp) {
      const key = `${workload}`;
      const connection = `${workload} ${stream}`;
      // Not tcp_info's delivery rate: that stays what it was while nothing comes back, over a link that is down too.
      addTo(this.#bytes, key, at, bytes_acked - (this.#acked.get(connection) ?? 0));
      this.#acked.set(connection, bytes_acked);
      addTo(this.#cwnd, key, at, cwnd);
      addTo(this.#latency, key, at, srtt_ms);
      streams.set(workload, (streams.get(workload) ?? 0) + 1);
    }
    for (const [workload, count] of streams) {
      const line = this.#latency.get(`${workload}`) ?? [];
      line[at] = (line[at] ?? 0) / count;
    }
    for (const { workload, bytes, time_ms } of flows) {
      addTo(this.#bytes, `${workload}`, at, bytes);
      if (time_ms) addTo(this.#latency, `${workload}`, at, time_ms.mean);
    }
    for (const [n, link] of links.entries()) {
      for (const way of ways) {
        const key = `${n} ${way}`;
        // Each counts what those below it hold and drop too; netem's own are packets on their way.
        const queues = link[way].filter(({ kind }) => kind !== 'netem');
        const backlog = Math.max(0, ...queues.map((qdisc) => qdisc.backlog_bytes));
        const rate = link[`${way}_bps`];
        addTo(this.#backlog, key, at, backlog);
        if (rate !== undefined) {
          addTo(this.#waits, key, at, (backlog * 8000) / rate);
          addTo(this.#rates, key, at, rate);
        }
        addTo(this.#sent, key, at, Math.max(0, ...link[way].map((qdisc) => qdisc.sent_bytes)));
        addTo(this.#drops, key, at, Math.max(0, ...link[way].map((qdisc) => qdisc.drops)));
      }
    }
  }

  /** In the order of the answer. Charts without a value are left out. */
  charts(flows: readonly DrawnFlow[], links: readonly DrawnLink[]): Chart[] {
    const flow = (key: string) => flows[Number(key)]?.name ?? key;
    const wayName = (key: string) => {
      const [n = '', way = 'forward'] = key.split(' ');
      return links[Number(n)]?.names[way as Way] ?? key;
    };
    const carrying = new Map(
      [...this.#bytes]
        .filter(([key]) => !flows[Number(key)]?.isProbe)
        .map(([key, line]) => [key, this.#perSecond(line)]),
    );
    const used = new Map(
      [...this.#rates].map(([key, rates]): [string, number[]] => {
        const sent = this.#sent.get(key) ?? [];
        const left = sent.map((value, i) => Math.max(0, value - (sent[i - 1] ?? 0)));
        // Against what could have left meanwhile, before or after a change of the rate.
        const could = rates.map(
          (rate, i) => (Math.max(rate, rates[i - 1] ?? 0) / 8) * ((this.#times[i] ?? 0) - (this.#times[i - 1] ?? 0)),
        );
        return [key, this.#windows((first, last) => (100 * sum(left, first, last)) / (sum(could, first, last) || 1))];
      }),
    );
    return [
      this.#chart('Throughput', bits, carrying, flow),
      this.#chart('Latency under load', milliseconds, this.#latency, flow),
      distributions(flows),
      this.#chart('Congestion window', [['segments', 1]], this.#cwnd, flow),
      this.#chart('Use of links', [['%', 1]], used, wayName),
      this.#chart('Queue in time', milliseconds, this.#waits, wayName),
      this.#chart('Queue', bytes, this.#backlog, wayName),
      this.#chart('Lost and dropped packets, in all', [['packets', 1]], this.#drops, wayName),
    ].filter(({ lines }) => lines.length > 0);
  }

  /** Bits a second of bytes from sample to sample. */
  #perSecond(bytes: readonly number[]): number[] {
    return this.#windows((first, last) => {
      const since = (this.#times[last] ?? 0) - (this.#times[first - 1] ?? 0);
      return since > 0 ? (sum(bytes, first, last) * 8) / since : 0;
    });
  }

  /** A value for each sample, of a fiftieth of the time around it: single packets are no rate. */
  #windows(measure: (first: number, last: number) => number): number[] {
    const half = Math.ceil(this.#times.length / 100);
    return this.#times.map((_, at) => measure(Math.max(0, at - half), Math.min(this.#times.length - 1, at + half)));
  }

  /** In the largest unit that leaves the peak at 1 or more. */
  #chart(title: string, units: readonly Unit[], lines: Lines, labelOf: (key: string) => string): Chart {
    const peaks = [...lines]
      .map(([key, values]) => ({ key, values, peak: values.reduce((peak, value) => Math.max(peak, value), 0) }))
      .filter(({ peak }) => peak > 0)
      // In their order in the answer: a flow's colour is the same wherever all flows are drawn.
      .sort((a, b) => Number.parseInt(a.key, 10) - Number.parseInt(b.key, 10));
    const shown = new Set(peaks.toSorted((a, b) => b.peak - a.peak).slice(0, MAX_LINES));
    const [unit, size] = unitFor(units, Math.max(0, ...[...shown].map(({ peak }) => peak)));
    return {
      title,
      unit,
      along: 'time',
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

/** How many of a flow's times are no longer than each: curves that share one axis of times. */
function distributions(flows: readonly DrawnFlow[]): Chart {
  const given = flows.flatMap(({ name, times }) =>
    times && times.count > 1 ? [{ name, quantiles: times.quantiles }] : [],
  );
  const shown = given.slice(0, MAX_LINES);
  const [unit, size] = unitFor(milliseconds, Math.max(0, ...shown.map(({ quantiles }) => quantiles.at(-1) ?? 0)));
  const scaled = shown.map(({ name, quantiles }) => ({
    name,
    steps: new Map(
      quantiles.map((value, i) => [Number((value / size).toPrecision(5)), (100 * i) / (quantiles.length - 1)]),
    ),
  }));
  const values = [...new Set(scaled.flatMap(({ steps }) => [...steps.keys()]))].sort((a, b) => a - b);
  return {
    title: 'Distribution of times',
    unit: `% that took no longer, by ${unit}`,
    along: 'values',
    hidden: given.length - shown.length,
    times: values,
    lines: scaled.map(({ name, steps }) => ({ label: name, values: values.map((value) => steps.get(value) ?? null) })),
  };
}

/** From the first to the last. */
function sum(values: readonly number[], first: number, last: number): number {
  let total = 0;
  for (let i = first; i <= last; i++) total += values[i] ?? 0;
  return total;
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

const unitFor = (units: readonly Unit[], most: number): Unit =>
  units.find(([, size]) => most >= size) ?? units.at(-1) ?? ['', 1];

/** Five digits tell more than a picture shows. */
const rounded = (value: number | undefined, size: number): number | null =>
  value === undefined ? null : Number((value / size).toPrecision(5));

function addTo(lines: Lines, key: string, at: number, value: number): void {
  const line = lines.get(key) ?? [];
  lines.set(key, line);
  line[at] = (line[at] ?? 0) + value;
}
