/** `lkl sim`: a network of Linux stacks in virtual time, its flows as tables, its packets as pcapng files. */

import { Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../failure.ts';
import { quietOption, urlOption } from '../options.ts';
import type { SimArguments } from './arguments.ts';

const exitCodesHelp = `
Exit codes:
  0    every workload did what it was asked
  1    the command line or the file is wrong
  2    the network cannot be as asked
  3    a workload failed: its line says why
  4    anything else: an I/O error here, a connection, the deadline, a kernel or a Worker that failed`;

export const simCommand = (): Command =>
  new Command('sim')
    .summary('run a network of Linux stacks in virtual time')
    .description('Runs the network a JSON file describes, as POST /v1/simulations does, and shows what its flows got.')
    .argument('<file>', 'the network, or - for standard input')
    .option(
      '--pcap <directory>',
      'write captures there, as NODE-INTERFACE.pcapng: of all nodes where the file names none',
    )
    .option('--html <file>', 'write a page with charts of delivery rates, round-trip times, windows and queues there')
    .option('--json', 'the whole answer as JSON instead of tables')
    .option('--deadline <seconds>', 'stop after so long by the clock on the wall (default: never)', seconds)
    .option(
      '-m, --memory <MiB>',
      'memory that the kernel of all hosts may have: 200 KiB for each, and what is under way (default: 1024)',
      mebibytes,
    )
    .option(
      '--graph <file>',
      'nodes and links of a graph in GML or GraphML, beside those of the network: routers by their labels (or their `role`), links with `rate`, `delay`, `loss` … of their edges',
    )
    .option(
      '--sweep <path=values>',
      'run it for each of these values (links[0].delay=10ms,20ms), and show one table; several: for each combination. A member "sweep" of the file does the same',
      axis,
    )
    .addOption(urlOption())
    .addOption(quietOption())
    .addHelpText('after', exitCodesHelp)
    .action(async (file: string, options: SimArguments) => {
      const { sim } = await import('./sim.ts');
      process.exitCode = (await sim(file, options)) ? exitCodes.done : exitCodes.partial;
    });

/** links[0].delay=10ms,20ms: values are JSON, or else text. */
function axis(
  text: string,
  before: Readonly<Record<string, readonly unknown[]>> = {},
): Readonly<Record<string, readonly unknown[]>> {
  const [, path, list] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || list === undefined)
    throw new InvalidArgumentError('It is a path and values: links[0].delay=10ms,20ms.');
  const whole = readValue(list);
  return { ...before, [path]: Array.isArray(whole) ? whole : list.split(',').map(readValue) };
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

/** What wasm addresses, less what the engine has for itself. */
const MEMORY_MIB = { min: 16, max: 4000 } as const;

function mebibytes(text: string): number {
  const value = Number(/^(\d{1,4})(?:mib)?$/i.exec(text)?.[1]);
  if (value >= MEMORY_MIB.min && value <= MEMORY_MIB.max) return value;
  throw new InvalidArgumentError(`It is a number of MiB, ${MEMORY_MIB.min} to ${MEMORY_MIB.max}.`);
}

/** setTimeout(2) takes no more milliseconds than an int holds. */
const MAX_SECONDS = 2_147_483;

function seconds(text: string): number {
  const value = Number(/^(\d+(?:\.\d+)?)s?$/.exec(text)?.[1]);
  if (value > 0 && value <= MAX_SECONDS) return value;
  throw new InvalidArgumentError(`It is a number of seconds, up to ${MAX_SECONDS}.`);
}
