/** A sweep as one page: a chart of each figure along a parameter, and one table of all runs. */

import { html } from 'hono/html';
import type { SweepFlow } from '../sweep/row.ts';
import { chartPlace, type ReportAssets, reportFrame } from './frame.ts';
import { count, milliseconds, percent, rate } from './numbers.ts';
import { type Chart, MAX_LINES } from './series.ts';
import { type Cell, rightAligned, table } from './table.ts';

/** One combination of values, and what came of it. */
export interface ReportedRun {
  /** By the paths of the sweep. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly flows: readonly SweepFlow[];
}

export async function sweepPage(
  runs: readonly ReportedRun[],
  assets: ReportAssets,
  request?: unknown,
): Promise<string> {
  const paths = Object.keys(runs[0]?.values ?? {});
  const charts = sweepCharts(runs);
  const failed = runs.filter(
    ({ error, flows }) => error !== undefined || flows.some((flow) => flow.error !== undefined),
  );
  const body = html`${charts.map(chartPlace)}
<h2>Runs</h2>
${runTable(paths, runs)}`;
  const facts = [
    `${count(runs.length)} ${runs.length === 1 ? 'run' : 'runs'}`,
    paths.join(' × '),
    ...(failed.length > 0 ? [`${count(failed.length)} failed`] : []),
  ].join(' · ');
  return reportFrame({ title: 'Sweep', facts, body, charts, request, answer: { runs } }, assets);
}

const words = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const figures = [
  { key: 'goodput_bps', title: 'Goodput', unit: 'Mbit/s', size: 1e6 },
  { key: 'latency_p50_ms', title: 'Median latency', unit: 'ms', size: 1 },
  { key: 'latency_p99_ms', title: '99th percentile of latency', unit: 'ms', size: 1 },
  { key: 'loss', title: 'Loss', unit: '%', size: 0.01 },
  { key: 'retransmits', title: 'Retransmits', unit: 'segments', size: 1 },
] as const;

/**
 * Along the parameter that has most values, in their order; a line for each flow at each combination of the others. What was the same for all, or is not known
 * of any, is no chart.
 */
export function sweepCharts(runs: readonly ReportedRun[]): readonly Chart[] {
  const paths = Object.keys(runs[0]?.values ?? {});
  const valuesOf = (path: string) => [...new Set(runs.map(({ values }) => words(values[path])))];
  const [along = ''] = paths.toSorted((a, b) => valuesOf(b).length - valuesOf(a).length);
  const ticks = valuesOf(along);
  if (ticks.length < 2) return [];
  const others = paths.filter((path) => path !== along && valuesOf(path).length > 1);
  return figures.flatMap(({ key, title, unit, size }): Chart[] => {
    const lines = new Map<string, (number | null)[]>();
    for (const { values, flows, error } of runs) {
      if (error !== undefined) continue;
      const at = ticks.indexOf(words(values[along]));
      for (const flow of flows) {
        const value = flow[key];
        if (value === undefined || flow.error !== undefined) continue;
        const label = [flow.name, ...others.map((path) => words(values[path]))].join(' · ');
        const line = lines.get(label) ?? ticks.map(() => null);
        line[at] = value / size;
        lines.set(label, line);
      }
    }
    const drawn = [...lines].filter(([, line]) => key !== 'loss' || line.some((value) => value !== 0));
    if (drawn.length === 0) return [];
    const peak = ([, line]: (typeof drawn)[number]) => Math.max(...line.map((value) => value ?? 0));
    const shown = drawn.length <= MAX_LINES ? drawn : drawn.toSorted((a, b) => peak(b) - peak(a)).slice(0, MAX_LINES);
    return [
      {
        title: `${title} by ${along}`,
        unit,
        along: 'parameter',
        ticks,
        hidden: drawn.length - shown.length,
        times: ticks.map((_, i) => i),
        lines: shown.map(([label, values]) => ({ label, values })),
      },
    ];
  });
}

const runTable = (paths: readonly string[], runs: readonly ReportedRun[]) => {
  const first = paths.length;
  const titles = [...paths, 'flow', 'goodput', 'median', 'p99', 'lost', 'retransmits', ''];
  return table(
    titles.map(rightAligned(first + 1, first + 5)),
    runs.flatMap(({ values, error, flows }): (readonly Cell[])[] => {
      const own = paths.map((path) => words(values[path]));
      if (flows.length === 0) return [[...own, '', '', '', '', '', '', { bad: error ?? 'no workloads' }]];
      return flows.map((flow) => [
        ...own,
        flow.name,
        rate(flow.goodput_bps),
        milliseconds(flow.latency_p50_ms),
        milliseconds(flow.latency_p99_ms),
        percent(flow.loss),
        count(flow.retransmits),
        flow.error === undefined && error === undefined ? '' : { bad: flow.error ?? error ?? '' },
      ]);
    }),
  );
};
