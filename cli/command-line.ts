/** The `lkl` command. */

import { allWritten } from './output/all-written.ts';
import { report, runCommand } from './run-command.ts';
import { cleanUpAtEnd } from './signals.ts';

cleanUpAtEnd();
// A fault of this program is told as one too.
process.on('uncaughtException', async (cause) => process.exit(await report(cause)));
await runCommand(process.argv);
await allWritten();
process.exit();
