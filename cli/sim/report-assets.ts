/** The texts a report is made with, from the checkout's files. In the package the Worker's modules of them stand in (scripts/package/package-build.ts). */

import { readFileSync } from 'node:fs';
import { packageFile } from '../../src/node/package-files.ts';
import type { ReportAssets } from '../../src/simulation/report/frame.ts';

export async function reportAssets(): Promise<ReportAssets> {
  const own = (name: string) => readFileSync(packageFile(`src/simulation/report/${name}`), 'utf8');
  const uplot = (name: string) => readFileSync(new URL(import.meta.resolve(`uplot/dist/${name}`)), 'utf8');
  return {
    uplot: uplot('uPlot.iife.min.js'),
    uplotStyle: uplot('uPlot.min.css'),
    charts: own('charts.js'),
    style: own('report.css'),
  };
}
