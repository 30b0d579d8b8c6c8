/** `lkl fs2tar` and `lkl fs2zip`: the tree of an image as a tar or a zip. */

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

const archiving = (form: 'tar' | 'zip'): Command =>
  addStackOptions(
    addDiskOptions(
      new Command(`fs2${form}`)
        .summary(`write the tree of a disk image as a ${form}`)
        .description(`Mounts a disk image read-only in a Linux kernel of its own and writes its tree as a ${form}.`)
        .argument('<image...>', `${IMAGE}; more than one: disks of the same machine`)
        .option('-o, --output <file>', 'write to a file (default: standard output)')
        .addOption(typeOption())
        .addOption(partitionOption())
        .option('--path <path>', 'only this directory or file (default: all)')
        .addOption(mountOption())
        .addOption(subvolOption()),
    ),
  );

const onErrorOption = (form: 'tar' | 'zip'): Option =>
  new Option('--on-error <action>', `at a file that cannot be read: stop; or go on, and list it in .fs2${form}-errors`)
    .choices(['stop', 'continue'])
    .default('stop');

export const fs2tarCommand = (): Command =>
  archiving('tar')
    .addOption(new Option('--compress <method>', 'compress the tar').choices(['none', 'gzip']).default('none'))
    .option('-z, --gzip', 'the same as --compress gzip')
    .addOption(onErrorOption('tar'))
    .option('-s, --selinux <file>', 'write SELinux labels to this file, too: a line with path and label for each')
    .addOption(urlOption())
    .addOption(quietOption())
    .addHelpText('after', exitCodesHelp('tar'))
    .action(async (images: string[], given: Fs2tarArguments) => {
      const {
        options,
        named: [image = '', ...more],
      } = asLkl(images, given);
      const { fs2tar } = options.url === undefined ? await import('./here.ts') : await import('./remote.ts');
      process.exitCode = (await fs2tar(image, { ...options, also: [...more, ...(options.also ?? [])] }))
        ? exitCodes.done
        : exitCodes.partial;
    });

/** LKL's program has the tar behind the image: `fs2tar -t ext4 disk.img disk.tar`. No disk of several is called that. */
function asLkl(
  named: readonly string[],
  options: Fs2tarArguments,
): { named: readonly string[]; options: Fs2tarArguments } {
  const [image, tar, ...others] = named;
  const isSo =
    options.type !== undefined && options.output === undefined && others.length === 0 && tar?.endsWith('.tar');
  return isSo && image !== undefined && tar !== undefined
    ? { named: [image], options: { ...options, output: tar } }
    : { named, options };
}

const zipHelp = `
It is written as it is read, without a file beside it. Symlinks, modes, owners, times and names are as Info-ZIP has them on
Unix; hard links become files of their own. Devices, FIFOs, sockets, extended attributes and ACLs have no place in a zip: a
tar has them (all but sockets). Devices and FIFOs that are left out are exit code 3; a Worker (--url) does not tell of them.`;

export const fs2zipCommand = (): Command =>
  archiving('zip')
    .addOption(onErrorOption('zip'))
    .addOption(urlOption())
    .addOption(quietOption())
    .addHelpText('after', `${zipHelp}\n${exitCodesHelp('zip')}`)
    .action(async ([image = '', ...more]: string[], options: Omit<Fs2tarArguments, 'compress' | 'form'>) => {
      const { fs2tar } = options.url === undefined ? await import('./here.ts') : await import('./remote.ts');
      const also = [...more, ...(options.also ?? [])];
      const isWhole = await fs2tar(image, { ...options, form: 'zip', compress: 'none', also });
      process.exitCode = isWhole ? exitCodes.done : exitCodes.partial;
    });
