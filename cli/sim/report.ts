/** Writes the page of --html. */

import { readFileSync, writeFileSync } from 'node:fs';
import { packageFile } from '../../src/node/package-files.ts';
import type { ReportedAnswer } from '../../src/simulation/report/answer.ts';
import { reportPage } from '../../src/simulation/report/page.ts';
import { ChartRecorder, type DrawnSample } from '../../src/simulation/report/series.ts';
import { Failure, reasonOf } from '../failure.ts';
import type { SimulationEnd } from './answer.ts';

export async function writeReport(
  file: string,
  end: SimulationEnd,
  samples: readonly DrawnSample[],
  network: unknown,
): Promise<void> {
  const own = (name: string) => readFileSync(packageFile(`src/simulation/report/${name}`), 'utf8');
  const recorder = new ChartRecorder();
  for (const sample of samples) recorder.add(sample);
  const page = await reportPage(
    end as ReportedAnswer,
    recorder,
    {
      uplot: uplot('uPlot.iife.min.js'),
      uplotStyle: uplot('uPlot.min.css'),
      charts: own('charts.js'),
      style: own('report.css'),
    },
    network,
  );
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new Failure('failed', `${file} cannot be written: ${reasonOf(cause)}`);
  }
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
