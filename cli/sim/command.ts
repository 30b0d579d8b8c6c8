/** `lkl sim`: a network of Linux stacks in virtual time, its flows as tables, its packets as pcapng files. */

import { Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../failure.ts';
import { quietOption, urlOption } from '../options.ts';

export interface SimArguments {
  readonly pcap?: string;
  readonly html?: string;
  readonly json?: true;
  readonly deadline?: number;
  readonly url?: URL;
  readonly quiet?: true;
}

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
    .addOption(urlOption())
    .addOption(quietOption())
    .addHelpText('after', exitCodesHelp)
    .action(async (file: string, options: SimArguments) => {
      const { sim } = await import('./sim.ts');
      process.exitCode = (await sim(file, options)) ? exitCodes.done : exitCodes.partial;
    });

/** setTimeout(2) takes no more milliseconds than an int holds. */
const MAX_SECONDS = 2_147_483;

function seconds(text: string): number {
  const value = Number(/^(\d+(?:\.\d+)?)s?$/.exec(text)?.[1]);
  if (value > 0 && value <= MAX_SECONDS) return value;
  throw new InvalidArgumentError(`It is a number of seconds, up to ${MAX_SECONDS}.`);
}
