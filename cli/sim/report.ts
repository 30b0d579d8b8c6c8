/** Writes the pages of --html. */

import { readFileSync, writeFileSync } from 'node:fs';
import { packageFile } from '../../src/node/package-files.ts';
import type { ReportedAnswer } from '../../src/simulation/report/answer.ts';
import type { ReportAssets } from '../../src/simulation/report/frame.ts';
import { reportPage } from '../../src/simulation/report/page.ts';
import { ChartRecorder, type DrawnSample } from '../../src/simulation/report/series.ts';
import { type ReportedRun, sweepPage } from '../../src/simulation/report/sweep-page.ts';
import { Failure, reasonOf } from '../failure.ts';
import type { SimulationEnd } from './answer.ts';

export async function writeReport(
  file: string,
  end: SimulationEnd,
  samples: readonly DrawnSample[],
  network: unknown,
): Promise<void> {
  const recorder = new ChartRecorder();
  for (const sample of samples) recorder.add(sample);
  write(file, await reportPage(end as ReportedAnswer, recorder, assets(), network));
}

/** The same of a sweep. */
export async function writeSweepReport(file: string, runs: readonly ReportedRun[], network: unknown): Promise<void> {
  write(file, await sweepPage(runs, assets(), network));
}

function write(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new Failure('failed', `${file} cannot be written: ${reasonOf(cause)}`);
  }
}

function assets(): ReportAssets {
  const own = (name: string) => readFileSync(packageFile(`src/simulation/report/${name}`), 'utf8');
  return {
    uplot: uplot('uPlot.iife.min.js'),
    uplotStyle: uplot('uPlot.min.css'),
    charts: own('charts.js'),
    style: own('report.css'),
  };
}

/** A checkout has it among its dependencies, the package among its own files. */
function uplot(name: string): string {
  let path: string | URL;
  try {
    path = new URL(import.meta.resolve(`uplot/dist/${name}`));
  } catch {
    path = packageFile(`dist/uplot/${name}`);
  }
  return readFileSync(path, 'utf8');
}
