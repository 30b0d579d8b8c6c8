/** The table of a sweep as text (RFC 4180): a row for each flow of each run. */

import type { SweepFlow } from './row.ts';

export interface SweepRow {
  readonly values: Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly flows: readonly SweepFlow[];
}

const figures = ['goodput_bps', 'latency_p50_ms', 'latency_p99_ms', 'loss', 'retransmits'] as const;

export const csvHead = (paths: readonly string[]): string => line([...paths, 'flow', 'type', ...figures, 'error']);

export function csvRows(paths: readonly string[], { values, error, flows }: SweepRow): string {
  const own = paths.map((path) => values[path]);
  if (flows.length === 0) return line([...own, '', '', ...figures.map(() => ''), error]);
  return flows
    .map((flow) => line([...own, flow.name, flow.type, ...figures.map((name) => flow[name]), flow.error ?? error]))
    .join('');
}

const line = (cells: readonly unknown[]): string => `${cells.map(cell).join(',')}\r\n`;

function cell(value: unknown): string {
  if (value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
