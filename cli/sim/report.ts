/** Writes the pages of --html. */

import { writeFileSync } from 'node:fs';
import type { ReportedAnswer } from '../../src/simulation/report/answer.ts';
import { reportPage } from '../../src/simulation/report/page.ts';
import { ChartRecorder, type DrawnSample } from '../../src/simulation/report/series.ts';
import { type ReportedRun, sweepPage } from '../../src/simulation/report/sweep-page.ts';
import { Failure, reasonOf } from '../failure.ts';
import type { SimulationEnd } from './answer.ts';
import { reportAssets } from './report-assets.ts';

export async function writeReport(
  file: string,
  end: SimulationEnd,
  samples: readonly DrawnSample[],
  network: unknown,
): Promise<void> {
  const recorder = new ChartRecorder();
  for (const sample of samples) recorder.add(sample);
  write(file, await reportPage(end as ReportedAnswer, recorder, await reportAssets(), network));
}

/** The same of a sweep. */
export async function writeSweepReport(file: string, runs: readonly ReportedRun[], network: unknown): Promise<void> {
  write(file, await sweepPage(runs, await reportAssets(), network));
}

function write(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new Failure('failed', `${file} cannot be written: ${reasonOf(cause)}`);
  }
}
