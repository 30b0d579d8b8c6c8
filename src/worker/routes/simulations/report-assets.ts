/** The texts a report is made with; wrangler.toml's rule makes them modules, loaded when first asked for. */

import type { ReportAssets } from '../../../simulation/report/frame.ts';

export async function reportAssets(): Promise<ReportAssets> {
  const [uplot, uplotStyle, charts, style] = await Promise.all([
    import('uplot/dist/uPlot.iife.min.js'),
    import('uplot/dist/uPlot.min.css'),
    import('../../../simulation/report/charts.js'),
    import('../../../simulation/report/report.css'),
  ]);
  return { uplot: uplot.default, uplotStyle: uplotStyle.default, charts: charts.default, style: style.default };
}
