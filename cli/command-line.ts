/** The `lkl` command. */

import { constants } from 'node:os';
import { CommanderError } from 'commander';
import { withCompletion } from './completion.ts';
import { exitCodes, Interrupted, inOneLine, isBrokenPipe, printable } from './failure.ts';
import { withProgramApart } from './hijack/program-arguments.ts';
import { allWritten } from './output/all-written.ts';
import { lklProgram } from './program.ts';
import { cleanUpAtEnd } from './signals.ts';
import { versionText } from './version.ts';

cleanUpAtEnd();
// A fault of this program is told as one too.
process.on('uncaughtException', async (cause) => process.exit(await report(cause)));

const make = () => lklProgram(versionText);
const program = await withCompletion(make(), make);

try {
  await program.parseAsync(withProgramApart(process.argv));
} catch (cause) {
  process.exitCode = await report(cause);
}
await allWritten();
process.exit();

/** Tells people what went wrong, and answers the exit code. */
async function report(cause: unknown): Promise<number> {
  if (cause instanceof CommanderError) return cause.exitCode;
  if (isBrokenPipe(cause)) return 128 + constants.signals.SIGPIPE;
  if (cause instanceof Interrupted) {
    console.error(`lkl: ${inOneLine(cause.message)}`);
    return 128 + constants.signals[cause.signal];
  }
  const { explain } = await import('./explain.ts');
  const { kind, message, log } = explain(cause);
  console.error(`lkl: ${inOneLine(message)}`);
  if (program.opts().verbose && log) console.error(printable(log.trimEnd()));
  return exitCodes[kind];
}
