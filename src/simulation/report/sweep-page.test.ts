import { expect, test } from 'vitest';
import { type ReportedRun, sweepCharts, sweepPage } from './sweep-page.ts';

const assets = { uplot: '', uplotStyle: '', charts: '', style: '' };
const run = (delay: string, congestion: string, goodput: number): ReportedRun => ({
  values: { 'workloads[0].congestion': congestion, 'links[0].delay': delay },
  flows: [{ name: 'tcp-0', type: 'tcp', goodput_bps: goodput, latency_p50_ms: 3, retransmits: 0 }],
});
const runs = ['cubic', 'bbr'].flatMap((congestion, i) =>
  ['1ms', '10ms', '100ms'].map((delay, n) => run(delay, congestion, (i + 1) * 1e6 + n)),
);

test('each figure has a chart along the parameter with most values, a line for each of the others', () => {
  const charts = sweepCharts(runs);
  expect(charts.map(({ title }) => title)).toEqual([
    'Goodput by links[0].delay',
    'Median latency by links[0].delay',
    'Retransmits by links[0].delay',
  ]);
  expect(charts[0]).toMatchObject({ along: 'parameter', ticks: ['1ms', '10ms', '100ms'], hidden: 0, unit: 'Mbit/s' });
  expect(charts[0]?.lines).toEqual([
    { label: 'tcp-0 · cubic', values: [1, 1.000001, 1.000002] },
    { label: 'tcp-0 · bbr', values: [2, 2.000001, 2.000002] },
  ]);
});

test('what failed is a gap in the charts and a word in the table, and text is no HTML', async () => {
  const [first, second, third] = runs;
  if (!first || !second || !third) throw new Error('no runs');
  const failed: ReportedRun = { values: second.values, error: 'not <possible>', flows: [] };
  const all = [first, failed, third];
  expect(sweepCharts(all)[0]?.lines[0]?.values).toEqual([1, null, 1.000002]);
  const page = await sweepPage(all, assets, { hosts: {} });
  expect(page).toContain('<td class="bad">not &lt;possible&gt;</td>');
  expect(page).toContain('3 runs · workloads[0].congestion × links[0].delay · 1 failed');
});

test('one run is a table alone', async () => {
  const [only] = runs;
  expect(sweepCharts(only ? [only] : [])).toEqual([]);
  expect(await sweepPage(only ? [only] : [], assets)).toContain('1 run ·');
});
