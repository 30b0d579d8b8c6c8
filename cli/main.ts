/** The `lkl` command. */

import { constants } from 'node:os';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { cpfromfsCommand, cptofsCommand } from './copy/command.ts';
import { exitCodes, isBrokenPipe, printable } from './failure.ts';
import { fs2tarCommand } from './fs2tar/command.ts';
import { simCommand } from './sim/command.ts';
import { lookCommands } from './verbs/commands.ts';

// What is to be removed at exit is removed then too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

// A fault of this program is told as one too.
process.on('uncaughtException', async (cause) => process.exit(await report(cause)));

const program = new Command('lkl')
  .description('Linux as a library, on the command line.')
  .version(packageJson.version)
  .option('-v, --verbose', 'show the log of a kernel or a Worker that failed')
  .exitOverride();
for (const command of [fs2tarCommand(), ...lookCommands(), cptofsCommand(), cpfromfsCommand(), simCommand()])
  program.addCommand(command.copyInheritedSettings(program));

try {
  await program.parseAsync();
} catch (cause) {
  process.exitCode = await report(cause);
}
process.exit();

/** Tells people what went wrong, and answers the exit code. */
async function report(cause: unknown): Promise<number> {
  if (cause instanceof CommanderError) return cause.exitCode;
  if (isBrokenPipe(cause)) return 128 + constants.signals.SIGPIPE;
  const { explain } = await import('./explain.ts');
  const { kind, message, log } = explain(cause);
  console.error(`lkl: ${printable(message.replaceAll(/\s*\n\s*/g, '; '))}`);
  if (program.opts().verbose && log) console.error(printable(log.trimEnd()));
  return exitCodes[kind];
}
