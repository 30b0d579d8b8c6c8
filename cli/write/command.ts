/** The verbs that change images: what they are called and take. What they do is loaded when one is asked for. */

import { Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../failure.ts';
import {
  addStackOptions,
  bytes,
  mountOption,
  partitionOption,
  quietOption,
  subvolOption,
  typeOption,
} from '../options.ts';
import type { ChownOptions, RecursiveOptions, TruncateOptions } from './attributes.ts';
import type { LnOptions, MkdirOptions, RmOptions } from './files.ts';
import type { WriteOptions } from './session.ts';
import type { TarOptions } from './tar.ts';

const PATTERNS = '* ? [ ] { } stand for names';
const ATOMIC = `
The image is written where it lies, as Linux writes a disk, by nobody else meanwhile. With --atomic the changes are kept in a file
beside it and become part of it when all succeeded: whatever happens, even a kill, leaves the image as it was or as it is to be (what
was cut off in between is finished by the next command that opens the image).

Written are raw images, block devices, qcow2 and what the table in docs/design/formats.md has, also through partitions, LUKS, BitLocker,
LVM and MD on them. Each image of an array or a group has to be named (--also): who is left out is behind the others afterwards.`;

const verb = (name: string, summary: string): Command =>
  addStackOptions(
    new Command(name)
      .summary(summary)
      .argument('<image>', 'a file or a block device')
      .addOption(typeOption())
      .addOption(partitionOption())
      .addOption(mountOption())
      .addOption(subvolOption())
      .option('--format <format>', 'of the file: raw, qcow2, vhd … (default: found out)'),
  )
    .option('--offset <bytes>', 'where in the image the disk begins', bytes)
    .option('--size <bytes>', 'of the disk (default: up to the end)', bytes)
    .option('--atomic', 'everything or nothing')
    .addHelpText('after', ATOMIC);

export const writeCommands = (): readonly Command[] => [
  verb('rm', 'remove files of an image')
    .argument('<path...>', PATTERNS)
    .description('Removes files of an image.')
    .option('-r, --recursive', 'directories too, with all that is in them')
    .option('-f, --force', 'what is not there is no error')
    .action(async (image: string, paths: string[], options: RmOptions) =>
      (await import('./files.ts')).rm(image, paths, options),
    ),
  verb('mkdir', 'make directories in an image')
    .argument('<path...>')
    .description('Makes directories in an image.')
    .option('-P, --parents', 'those on the way too; what is there is no error')
    .option('--mode <mode>', 'permissions, octal (default: 755)', octal)
    .action(async (image: string, paths: string[], options: MkdirOptions) =>
      (await import('./files.ts')).mkdir(image, paths, options),
    ),
  verb('mv', 'rename and move files of an image')
    .argument('<path...>', `and last the new name, or the directory to move to; ${PATTERNS}`)
    .description(
      'Renames files of an image, or moves them to another directory of it. A file that has the new name is replaced.',
    )
    .action(async (image: string, paths: string[], options: WriteOptions) =>
      (await import('./files.ts')).mv(image, paths, options),
    ),
  verb('ln', 'make links in an image')
    .argument('<target>', 'a path in the image; of a symlink any text')
    .argument('<path>', 'the new name, or the directory for it')
    .description('Gives a file of an image another name, or makes a symlink.')
    .option('-s, --symbolic', 'a symlink')
    .option('-f, --force', 'replace what is there')
    .action(async (image: string, target: string, path: string, options: LnOptions) =>
      (await import('./files.ts')).ln(image, target, path, options),
    ),
  verb('chmod', 'change permissions in an image')
    .argument('<mode>', 'octal (640), or as chmod(1) has it (u+x,go-w)')
    .argument('<path...>', PATTERNS)
    .description('Changes permissions of files of an image.')
    .option('-R, --recursive', 'of everything below too, symlinks left out')
    .action(async (image: string, mode: string, paths: string[], options: RecursiveOptions) =>
      (await import('./attributes.ts')).chmod(image, mode, paths, options),
    ),
  verb('chown', 'change owners in an image')
    .argument('<owner>', 'UID, UID:GID or :GID, numbers')
    .argument('<path...>', PATTERNS)
    .description('Changes owners and groups of files of an image.')
    .option('-R, --recursive', 'of everything below too, symlinks themselves')
    .option('--no-dereference', 'of a symlink itself')
    .action(async (image: string, owner: string, paths: string[], options: ChownOptions) =>
      (await import('./attributes.ts')).chown(image, owner, paths, options),
    ),
  verb('truncate', 'change the length of files of an image')
    .argument('<path...>', PATTERNS)
    .description('Cuts files of an image off, or makes them longer by a hole; what is not there is made.')
    .requiredOption('-s, --bytes <bytes>', 'the length: 0, 10M', bytes)
    .action(async (image: string, paths: string[], options: TruncateOptions) =>
      (await import('./attributes.ts')).truncate(image, paths, options),
    ),
  verb('tar', 'unpack a tar into an image, or pack one')
    .description(
      'Unpacks a tar into an image with everything that Linux can hold of it: every type, owners, nanoseconds, attributes, ACLs, hard links, holes; gzip, zstd, xz and the like are undone. Or packs the tree of an image, as fs2tar does.',
    )
    .option('-x, --extract', 'the tar into the image')
    .option('-c, --create', 'the image as a tar')
    .option('-f, --file <tar>', 'the tar (default: standard input or output)')
    .option('-C, --directory <path>', 'where in the image; it must be there (default: /)')
    .addOption(quietOption())
    .action(async (image: string, options: TarOptions) => {
      process.exitCode = (await (await import('./tar.ts')).tar(image, options)) ? exitCodes.done : exitCodes.partial;
    }),
  verb('edit', 'edit a file of an image')
    .argument('<path>')
    .description(
      'Opens a copy of a file in $VISUAL or $EDITOR, and puts it back when it was changed, with mode, owner and attributes as they were.',
    )
    .action(async (image: string, path: string, options: WriteOptions) =>
      (await import('./edit.ts')).edit(image, path, options),
    ),
];

function octal(text: string): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  throw new InvalidArgumentError('Permissions are octal: 755.');
}
