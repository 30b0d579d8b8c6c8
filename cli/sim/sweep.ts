/** Runs a network once for each combination of values, in processes side by side, and shows one table. */

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { readSimulation } from '../../src/api/simulations/read-simulation.ts';
import { leaves } from '../../src/node/left-behind.ts';
import { count, milliseconds, percent, rate } from '../../src/simulation/report/numbers.ts';
import type { ReportedRun } from '../../src/simulation/report/sweep-page.ts';
import { expandSweep, type SweepRun } from '../../src/simulation/sweep/expand.ts';
import { type SweepFlow, sweepFlow } from '../../src/simulation/sweep/row.ts';
import { planSweep } from '../../src/simulation/sweep/run-sweep.ts';
import { openEngine } from '../engine.ts';
import { Failure, printable } from '../failure.ts';
import { printing } from '../output/print.ts';
import { showSpinner } from '../output/progress.ts';
import { textTable } from '../output/table.ts';
import type { SimulationEnd } from './answer.ts';
import type { SimArguments } from './arguments.ts';
import { MEMORY_MIB } from './here.ts';

interface Ran {
  readonly values: SweepRun['values'];
  /** What came of it, or why nothing did. */
  readonly answer?: SimulationEnd;
  readonly error?: string;
}

/** Whether every workload of every run did what it was asked. */
export async function sweep(
  network: Readonly<Record<string, unknown>>,
  axes: unknown,
  options: SimArguments,
): Promise<boolean> {
  const expanded = expandSweep(network, axes);
  if ('issues' in expanded)
    throw new Failure('usage', expanded.issues.map(({ path, message }) => `${path}: ${message}`).join('; '));
  if (options.pcap !== undefined) throw new Failure('usage', '--pcap is of one run, not of a sweep');
  const { runs } = expanded;
  if (options.url === undefined) await look(network, axes, options.memory);
  const spinner = await showSpinner(options.quiet === true, 'starting');
  const ran: Ran[] = [];
  let next = 0;
  let done = 0;
  const children = new Set<ReturnType<typeof spawn>>();
  const ended = leaves(() => {
    for (const child of children) child.kill();
  });
  try {
    const worker = async (): Promise<void> => {
      for (let i = next++; i < runs.length; i = next++) {
        const run = runs[i];
        if (run) ran[i] = { values: run.values, ...(await runOne(run, options, children)) };
        spinner.show(`${++done} of ${runs.length} runs`);
      }
    };
    const side = options.url === undefined ? availableParallelism() : 1;
    await Promise.all(Array.from({ length: Math.min(side, runs.length) }, worker));
  } finally {
    spinner.stop();
    ended();
  }
  if (options.html !== undefined) {
    const { writeSweepReport } = await import('./report.ts');
    await writeSweepReport(options.html, ran.map(reported), { ...network, sweep: axes });
  }
  await printing(async (out) => {
    if (options.json) await out.json({ sweep: ran });
    else await out.print(`${tableOf(Object.keys(Object(axes)), ran)}\n`);
  });
  return ran.every(
    ({ answer }) => answer?.error === undefined && answer?.flows.every(({ error }) => error === undefined),
  );
}

/** As the page has it. */
const reported = ({ values, answer, error = answer?.error }: Ran): ReportedRun => ({
  values,
  ...(error !== undefined && { error }),
  flows: (answer?.flows ?? []).map(sweepFlow),
});

/** All of them before the first one starts: a slip is no table of a thousand errors. A Worker looks at each itself. */
async function look(network: Readonly<Record<string, unknown>>, axes: unknown, memoryMib = MEMORY_MIB): Promise<void> {
  const engine = await openEngine(undefined, memoryMib, memoryMib);
  await planSweep(network, axes, (one) => engine.simulations.plan(readSimulation(one)));
}

/** This very command, for one network. */
async function runOne(
  { network }: SweepRun,
  { deadline, memory, url }: SimArguments,
  children: Set<ReturnType<typeof spawn>>,
): Promise<Omit<Ran, 'values'>> {
  const args = [
    ...process.execArgv,
    process.argv[1] ?? '',
    'sim',
    '-',
    '--json',
    '--quiet',
    ...(deadline === undefined ? [] : ['--deadline', String(deadline)]),
    ...(memory === undefined ? [] : ['--memory', String(memory)]),
    ...(url === undefined ? [] : ['--url', url.href]),
  ];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes));
  // One that ends before it has read all says why on its standard error.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(network));
  await new Promise<void>((resolve, reject) => child.once('error', reject).once('close', () => resolve()));
  children.delete(child);
  const text = Buffer.concat(out).toString();
  if (text !== '') return { answer: JSON.parse(text) as SimulationEnd };
  return {
    error: Buffer.concat(err)
      .toString()
      .trim()
      .replace(/^lkl: /, ''),
  };
}

const valueText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const shown = (value: number | undefined, show: (value: number) => string): string =>
  value === undefined ? '' : show(value);

function tableOf(paths: readonly string[], ran: readonly Ran[]): string {
  const columns = [
    ...paths.map((path) => ({ title: printable(path) })),
    { title: 'FLOW' },
    ...['GOODPUT', 'P50', 'P99', 'LOSS', 'RETRANSMITS'].map((title) => ({ title, right: true })),
    { title: 'FAILED' },
  ];
  const row = (values: Ran['values'], flow: SweepFlow): string[] => [
    ...paths.map((path) => printable(valueText(values[path]))),
    printable(flow.name),
    shown(flow.goodput_bps, rate),
    shown(flow.latency_p50_ms, milliseconds),
    shown(flow.latency_p99_ms, milliseconds),
    shown(flow.loss, percent),
    shown(flow.retransmits, count),
    printable(flow.error ?? ''),
  ];
  const rows = ran.flatMap(({ values, answer, error = answer?.error }) =>
    answer && error === undefined
      ? answer.flows.map((flow) => row(values, sweepFlow(flow)))
      : [[...paths.map((path) => printable(valueText(values[path]))), '', '', '', '', '', '', printable(error ?? '')]],
  );
  return textTable(columns, rows);
}
