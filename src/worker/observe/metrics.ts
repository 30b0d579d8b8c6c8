/** What an isolate has done since it began, as Prometheus reads it (text format 0.0.4). */

/** A client library was looked at (prom-client): it asks for Node's process and cluster; what is used of the format is this. */
type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly values: Map<string, number>;
}

/** Milliseconds: a hit of a pool, a batch, a mount, a simulation, a large tar. */
const BUCKETS_MS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000];

interface Histogram {
  readonly help: string;
  readonly series: Map<string, { readonly labels: Labels; readonly counts: number[]; sum: number; count: number }>;
}

/** Of any request's doing: nobody can make as many names as he likes. */
const MAX_SERIES = 2000;

export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #histograms = new Map<string, Histogram>();

  #family(name: string, type: Family['type'], help: string): Family {
    const family = this.#families.get(name) ?? { type, help, values: new Map<string, number>() };
    this.#families.set(name, family);
    return family;
  }

  count(name: string, help: string, labels: Labels = {}, by = 1): void {
    const { values } = this.#family(name, 'counter', help);
    const key = labelsText(labels);
    if (values.has(key) || values.size < MAX_SERIES) values.set(key, (values.get(key) ?? 0) + by);
  }

  /** How it is now. */
  set(name: string, help: string, value: number, labels: Labels = {}, type: Family['type'] = 'gauge'): void {
    this.#family(name, type, help).values.set(labelsText(labels), value);
  }

  observe(name: string, help: string, labels: Labels, ms: number): void {
    const histogram = this.#histograms.get(name) ?? { help, series: new Map() };
    this.#histograms.set(name, histogram);
    const key = labelsText(labels);
    const one = histogram.series.get(key) ?? { labels, counts: BUCKETS_MS.map(() => 0), sum: 0, count: 0 };
    if (!histogram.series.has(key) && histogram.series.size >= MAX_SERIES) return;
    histogram.series.set(key, one);
    one.sum += ms;
    one.count++;
    for (const [at, most] of BUCKETS_MS.entries()) if (ms <= most) one.counts[at] = (one.counts[at] ?? 0) + 1;
  }

  get text(): string {
    const lines: string[] = [];
    for (const [name, { type, help, values }] of this.#families) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [labels, value] of values) lines.push(`${name}${labels} ${value}`);
    }
    for (const [name, { help, series }] of this.#histograms) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`);
      for (const { labels, counts, sum, count } of series.values()) {
        for (const [at, most] of BUCKETS_MS.entries()) {
          lines.push(`${name}_bucket${labelsText({ ...labels, le: String(most / 1000) })} ${counts[at]}`);
        }
        lines.push(`${name}_bucket${labelsText({ ...labels, le: '+Inf' })} ${count}`);
        lines.push(`${name}_sum${labelsText(labels)} ${sum / 1000}`, `${name}_count${labelsText(labels)} ${count}`);
      }
    }
    return `${lines.join('\n')}\n`;
  }
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

const escaped = (value: string): string => value.replaceAll(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
