/** One command line, parsed and done, and what is told of it when it fails. */

import { constants } from 'node:os';
import { type Command, CommanderError } from 'commander';
import { withCompletion } from './completion.ts';
import { exitCodes, Interrupted, inOneLine, isBrokenPipe, printable } from './failure.ts';
import { withProgramApart } from './hijack/program-arguments.ts';
import { lklProgram } from './program.ts';
import { versionText } from './version.ts';

const make = () => lklProgram(versionText);
let program: Command | undefined;

/** `argv` is that of the process; how it ended is in `process.exitCode`. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  program = await withCompletion(make(), make);
  try {
    await program.parseAsync(withProgramApart(argv));
  } catch (cause) {
    process.exitCode = await report(cause);
  }
}

/** Tells people what went wrong, and answers the exit code. */
export async function report(cause: unknown): Promise<number> {
  if (cause instanceof CommanderError) return cause.exitCode;
  if (isBrokenPipe(cause)) return 128 + constants.signals.SIGPIPE;
  if (cause instanceof Interrupted) {
    console.error(`lkl: ${inOneLine(cause.message)}`);
    return 128 + constants.signals[cause.signal];
  }
  const { explain } = await import('./explain.ts');
  const { kind, message, log } = explain(cause);
  console.error(`lkl: ${inOneLine(message)}`);
  if (program?.opts().verbose && log) console.error(printable(log.trimEnd()));
  return exitCodes[kind];
}
