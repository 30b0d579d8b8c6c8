/** Reads the network, has it run here or elsewhere, and shows or writes what came of it. */

import { Failure, printable } from '../failure.ts';
import { readJson } from '../input/read-json.ts';
import { printing } from '../output/print.ts';
import { showSpinner } from '../output/progress.ts';
import type { RunSimulation } from './answer.ts';
import type { SimArguments } from './arguments.ts';
import { captureAll } from './capture-all.ts';
import { CaptureFiles } from './capture-files.ts';
import { withCapturesRead } from './captures-in.ts';
import { tablesOf } from './tables.ts';

/** Whether every workload did what it was asked. */
export async function sim(file: string, options: SimArguments): Promise<boolean> {
  const { sweep: axes, ...written } = await readNetwork(file);
  const read = await withCapturesRead(written, file);
  const network =
    options.graph === undefined ? read : await (await import('./graph.ts')).withGraph(read, options.graph);
  if (axes !== undefined || options.sweep !== undefined) {
    const { sweep } = await import('./sweep.ts');
    return sweep(network, axes === undefined || isObject(axes) ? { ...axes, ...options.sweep } : axes, options);
  }
  const spinner = await showSpinner(options.quiet === true, 'starting');
  const captures = options.pcap === undefined ? undefined : new CaptureFiles(options.pcap);
  try {
    if (options.url !== undefined && options.memory !== undefined)
      throw new Failure('usage', '--memory is of a kernel here: a Worker has its own bounds');
    const run = await runner(options.url);
    const { end, samples } = await run({
      network: captures ? captureAll(network) : network,
      deadlineS: options.deadline,
      memoryMib: options.memory,
      sampled: options.html !== undefined,
      progress: (virtualS) => spinner.show(`${virtualS.toFixed(1)} s of virtual time`),
      capture: captures && ((index, bytes) => captures.add(index, bytes)),
    });
    spinner.stop();
    captures?.name(end.captures.map(({ node, interface: name }) => `${node}-${name}.pcapng`));
    if (options.html !== undefined) {
      const { writeReport } = await import('./report.ts');
      await writeReport(options.html, end, samples, network);
    }
    // All of it, before this process ends: a pipe takes what it has room for, and no more.
    await printing(async (out) => {
      if (options.json) await out.json({ ...end, ...(samples.length > 0 && { samples }) });
      else await out.print(`${tablesOf(end)}\n`);
    });
    for (const { path, message } of end.warnings) console.error(`lkl: ${printable(`${path}: ${message}`)}`);
    if (end.error !== undefined) console.error(`lkl: ${end.error}`);
    return end.error === undefined && end.flows.every(({ error }) => error === undefined);
  } catch (cause) {
    captures?.drop();
    throw cause;
  } finally {
    spinner.stop();
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function runner(url: URL | undefined): Promise<RunSimulation> {
  if (url === undefined) return (await import('./here.ts')).runHere;
  return (await import('./remote.ts')).runAt(url);
}

async function readNetwork(file: string): Promise<Readonly<Record<string, unknown>>> {
  const network = await readJson(file);
  if (typeof network === 'object' && network !== null && !Array.isArray(network)) {
    return network as Readonly<Record<string, unknown>>;
  }
  throw new Failure('usage', 'a network is a JSON object');
}
