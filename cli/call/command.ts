/** `lkl call`: system calls on a kernel of one's own. */

import { Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../failure.ts';
import { addSecretOptions, jsonOption, urlOption } from '../options.ts';
import type { CallOptions } from './call.ts';

const exitCodesHelp = `
Exit codes:
  0    every call was made; what they answered is in the output
  1    the command line or the batch is wrong
  3    the batch stopped at a call that failed (on_error: stop), or ended its kernel
  4    anything else`;

export const callCommand = (): Command =>
  addSecretOptions(new Command('call'))
    .summary('make system calls on a kernel of its own')
    .description(
      'Plays a batch of system calls, as POST /v1/syscalls does, on a kernel of its own, and shows each as strace would. A batch is JSON: an object with calls, or a list of calls.',
    )
    .argument('[file]', 'the batch (default: standard input)', '-')
    .option('--image <name=file>', 'the file of an image that the batch mounts by this name; may be repeated', addImage)
    .addOption(jsonOption())
    .addOption(urlOption())
    .addHelpText('after', exitCodesHelp)
    .action(async (file: string, options: CallOptions) => {
      const { call } = await import('./call.ts');
      process.exitCode = (await call(file, options)) ? exitCodes.done : exitCodes.partial;
    });

function addImage(text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const [, name, file] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || file === undefined) throw new InvalidArgumentError('It is a name, =, and a file.');
  return new Map([...before, [name, file]]);
}
