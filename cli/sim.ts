/** `lkl sim`: a network of Linux stacks in virtual time, its flows as a table, its packets as pcapng files. */

import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import ora from 'ora';
import { type ReportedAnswer, reportPage } from '../src/simulation/report/page.ts';
import { ChartRecorder, type DrawnSample } from '../src/simulation/report/series.ts';
import { CaptureFiles } from './capture-files.ts';
import { failureOf, send } from './client.ts';
import { Failure, reasonOf } from './failure.ts';
import { workerUrl } from './fs2tar.ts';

interface Options {
  readonly pcap?: string;
  readonly html?: string;
  readonly json?: true;
  readonly url?: URL;
  readonly quiet?: true;
}

interface Flow {
  readonly name: string;
  readonly type: string;
  readonly from?: string;
  readonly to?: string;
  readonly duration_s?: number;
  readonly goodput_bps?: number;
  readonly retransmits?: number;
  readonly lost?: number;
  readonly loss?: number;
  readonly rtt_ms?: { readonly min: number; readonly p50: number };
  readonly error?: string;
}

interface End {
  readonly virtual_s: number;
  readonly wall_s: number;
  readonly flows: readonly Flow[];
  readonly captures: readonly { readonly node: string; readonly interface: string; readonly packets: number }[];
}

/** A line of the answer: one of these. */
interface Line {
  readonly sample?: DrawnSample;
  readonly progress?: { readonly time_s: number };
  readonly capture?: number;
  readonly pcapng?: string;
  readonly end?: End & ReportedAnswer;
  readonly problem?: { readonly title: string; readonly detail?: string; readonly console?: string };
}

interface Answer {
  readonly end: End & ReportedAnswer;
  readonly samples: readonly DrawnSample[];
}

export const simCommand = (): Command =>
  new Command('sim')
    .summary('run a network of Linux stacks in virtual time')
    .description('Runs the network a JSON file describes, as POST /v1/simulations does, and shows what its flows got.')
    .argument('<file>', 'the network, or - for standard input')
    .option('--pcap <directory>', 'write what the network captures there, as NODE-INTERFACE.pcapng')
    .option('--html <file>', 'write a page with charts of delivery rates, round-trip times, windows and queues there')
    .option('--json', 'the whole answer as JSON instead of a table')
    .option('--url <url>', 'send it to this Worker (default: one embedded here)', workerUrl)
    .option('-q, --quiet', 'no progress on a terminal')
    .action(sim);

async function sim(file: string, options: Options): Promise<void> {
  const network = readNetwork(file);
  const spinner = ora({
    text: 'starting',
    discardStdin: false,
    isSilent: options.quiet === true || !process.stderr.isTTY,
  });
  spinner.start();
  const worker = options.url === undefined ? await (await import('./embedded-worker.ts')).embeddedWorker() : undefined;
  const base = options.url ?? worker?.url;
  const tell = (text: string) => {
    spinner.text = text;
  };
  const query = new URLSearchParams({
    ...(options.pcap !== undefined && { pcap: 'inline' }),
    ...(options.html !== undefined && { samples: 'always' }),
  });
  const captures = options.pcap === undefined ? undefined : new CaptureFiles(options.pcap);
  const answer = await run(network, new URL(`v1/simulations?${query}`, base), tell, captures)
    .catch((cause: unknown) => {
      captures?.drop();
      throw cause;
    })
    .finally(() => {
      spinner.stop();
      return worker?.close();
    });
  const { end, samples } = answer;
  captures?.name(end.captures.map(({ node, interface: name }) => `${node}-${name}.pcapng`));
  if (options.html !== undefined) await writeReport(options.html, answer);
  if (options.json) console.log(JSON.stringify({ ...end, ...(samples.length > 0 && { samples }) }, null, 2));
  else showTable(end);
}

function readNetwork(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    throw new Failure('usage', `${file} cannot be read: ${reasonOf(cause)}`);
  }
}

async function run(
  network: Buffer,
  url: URL,
  tell: (text: string) => void,
  captures: CaptureFiles | undefined,
): Promise<Answer> {
  const stream = Object.assign(Readable.from([network]), { bytesRead: network.length });
  const answer = await send(
    'POST',
    url,
    { stream, lengthBytes: network.length },
    {
      'content-type': 'application/json',
      accept: 'application/x-ndjson',
    },
  );
  if (answer.statusCode !== 200) throw await failureOf(answer);
  const samples: DrawnSample[] = [];
  for await (const text of linesOf(answer)) {
    const { sample, progress = sample, capture, pcapng, end, problem }: Line = JSON.parse(text);
    if (problem) throw new Failure('failed', problem.detail ?? problem.title, problem.console);
    if (end) return { end, samples };
    if (sample) samples.push(sample);
    if (progress) tell(`${progress.time_s.toFixed(1)} s of virtual time`);
    if (capture !== undefined) captures?.add(capture, Buffer.from(pcapng ?? '', 'base64'));
  }
  throw new Failure('failed', 'the answer broke off');
}

async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: answer });
  } catch (cause) {
    throw new Failure('failed', `the answer broke off: ${reasonOf(cause)}`);
  }
}

async function writeReport(file: string, { end, samples }: Answer): Promise<void> {
  const text = (name: string) => readFileSync(new URL(import.meta.resolve(name)), 'utf8');
  const recorder = new ChartRecorder();
  for (const sample of samples) recorder.add(sample);
  const page = await reportPage(end, recorder, {
    uplot: text('uplot/dist/uPlot.iife.min.js'),
    uplotStyle: text('uplot/dist/uPlot.min.css'),
    charts: text('../src/simulation/report/charts.js'),
    style: text('../src/simulation/report/report.css'),
  });
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new Failure('failed', `${file} cannot be written: ${reasonOf(cause)}`);
  }
}

function showTable({ flows, virtual_s, wall_s }: End): void {
  const rows = flows.map((flow) => [
    flow.name,
    flow.from === undefined ? '' : `${flow.from} → ${flow.to}`,
    cell(flow.duration_s, 's'),
    cell(flow.goodput_bps === undefined ? undefined : flow.goodput_bps / 1e6, 'Mbit/s'),
    `${flow.retransmits ?? flow.lost ?? ''}`,
    cell(flow.rtt_ms?.min, 'ms'),
    cell(flow.rtt_ms?.p50, 'ms'),
    flow.error ?? '',
  ]);
  const table = [['FLOW', 'WAY', 'TIME', 'GOODPUT', 'LOST', 'RTT MIN', 'RTT P50', ''], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of table)
    console.log(
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  console.log(`${virtual_s.toFixed(3)} s of virtual time in ${wall_s.toFixed(2)} s`);
}

const cell = (value: number | undefined, unit: string): string =>
  value === undefined ? '' : `${value.toFixed(2)} ${unit}`;
