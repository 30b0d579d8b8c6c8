/** `lkl fs2tar`: the tree of an image as a tar. */

import { Command, Option } from 'commander';
import { exitCodes, exitCodesHelp } from '../failure.ts';
import {
  addDiskOptions,
  addStackOptions,
  IMAGE,
  mountOption,
  partitionOption,
  quietOption,
  subvolOption,
  typeOption,
  urlOption,
} from '../options.ts';
import type { Fs2tarArguments } from './arguments.ts';

export const fs2tarCommand = (): Command =>
  addStackOptions(
    addDiskOptions(
      new Command('fs2tar')
        .summary('write the tree of a disk image as a tar')
        .description('Mounts a disk image read-only in a Linux kernel of its own and writes its tree as a tar.')
        .argument('<image...>', `${IMAGE}; more than one: disks of the same machine`)
        .option('-o, --output <file>', 'write to a file (default: standard output)')
        .addOption(typeOption())
        .addOption(partitionOption())
        .option('--path <path>', 'only this directory or file (default: all)')
        .addOption(mountOption())
        .addOption(subvolOption()),
    ),
  )
    .addOption(new Option('--compress <method>', 'compress the tar').choices(['none', 'gzip']).default('none'))
    .option('-z, --gzip', 'the same as --compress gzip')
    .addOption(
      new Option('--on-error <action>', 'at a file that cannot be read: stop; or go on, and list it in .fs2tar-errors')
        .choices(['stop', 'continue'])
        .default('stop'),
    )
    .addOption(urlOption())
    .addOption(quietOption())
    .addHelpText('after', exitCodesHelp)
    .action(async ([image = '', ...more]: string[], options: Fs2tarArguments) => {
      const { fs2tar } = options.url === undefined ? await import('./here.ts') : await import('./remote.ts');
      process.exitCode = (await fs2tar(image, { ...options, also: [...more, ...(options.also ?? [])] }))
        ? exitCodes.done
        : exitCodes.partial;
    });
