/** The verbs that look into images: what they are called and take. What they do is loaded when one is asked for. */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { WantedRange } from '../../src/tree/byte-range.ts';
import { exitCodes } from '../failure.ts';
import {
  addDiskOptions,
  addStackOptions,
  bytes,
  IMAGE_OR_NAME,
  jsonOption,
  mountOption,
  partitionOption,
  several,
  subvolOption,
  typeOption,
  urlOption,
} from '../options.ts';
import type { CpOptions } from '../write/copy-in.ts';
import type { CatOptions } from './cat.ts';
import type { DfOptions } from './df.ts';
import type { DiffOptions } from './diff.ts';
import type { FindOptions } from './find.ts';
import type { InfoOptions } from './info.ts';
import type { LsOptions } from './ls.ts';
import type { Sha256Options } from './sha256.ts';
import type { StatOptions } from './stat.ts';
import type { TreeOptions } from './tree.ts';

/** A verb on an image. */
const verb = (name: string, summary: string): Command =>
  new Command(name).summary(summary).argument('<image>', IMAGE_OR_NAME);

const mounting = (command: Command): Command =>
  addStackOptions(
    addDiskOptions(
      command.addOption(typeOption()).addOption(partitionOption()).addOption(mountOption()).addOption(subvolOption()),
    ),
  );

function byteRange(text: string): WantedRange {
  const [, first = '', last = ''] = /^(\d*)-(\d*)$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === '' && last === '') throw new InvalidArgumentError('It is first-last, first- or -length, in bytes.');
  if (first === '') return { suffix: to };
  if (last === '') return { first: from };
  if (to >= from) return { first: from, last: to };
  throw new InvalidArgumentError('It ends before it begins.');
}

const PATTERNS = '* ? [ ] { } stand for names';

export const lookCommands = (): readonly Command[] => [
  mounting(verb('ls', 'list directories of an image').argument('[path...]', `default: /; ${PATTERNS}`))
    .description('Lists directories of an image, in byte order of the names.')
    .option('-l, --long', 'with mode, links, owner, group, size, time (UTC) and target')
    .option('-R, --recursive', 'what is in directories too')
    .option('-H, --human', 'sizes as 1.5K, 23M')
    .option('-d, --directory', 'directories themselves, not what is in them')
    .option('-a, --all', 'names that begin with a dot too, which are listed anyway')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (image: string, paths: string[], options: LsOptions) =>
      (await import('./ls.ts')).ls(image, paths, options),
    ),
  mounting(verb('cat', 'write files of an image to standard output').argument('<path...>', PATTERNS))
    .description('Writes files of an image to standard output, one after another.')
    .option('-r, --range <range>', 'of each only these bytes, as curl -r: 0-99, 100- or -50 (the last 50)', byteRange)
    .addOption(urlOption())
    .action(async (image: string, paths: string[], options: CatOptions) =>
      (await import('./cat.ts')).cat(image, paths, options),
    ),
  mounting(
    verb('cp', 'copy files and trees out of an image, or into one').argument(
      '<path...>',
      `paths in the image, the last one here: a directory, or the name of the copy; ${PATTERNS}`,
    ),
  )
    .description(
      'Copies files, directories and symlinks out of an image, with modes, times, hard links and holes. Each file has its name once it is whole. ' +
        "Written as of cp(1), with IMAGE:/PATH for what is in an image, it goes both ways: `cp disk.img:/etc/hosts .`; `cp hosts new/ disk.img:/etc/` writes a raw image where it lies, devices and extended attributes included, all of it root's without -o.",
    )
    .option('--atomic', 'into an image: everything or nothing, whatever happens')
    .option('-o, --owner', 'with owners, set-id bits, attributes, devices and fifos, for which one must be root')
    .option('-r, --recursive', 'directories with all that is in them: it is so unasked')
    .option('-f, --force', 'replace files of this machine that are there; those of an image are replaced unasked')
    .addOption(new Option('-q, --quiet', 'say nothing of what is left out'))
    .addOption(urlOption())
    .action(async (image: string, paths: string[], options: CpOptions) => {
      const isWhole = await (await import('./cp.ts')).cp(image, paths, options);
      process.exitCode ??= isWhole ? exitCodes.done : exitCodes.partial;
    }),
  mounting(verb('find', 'find files of an image').argument('[path...]', 'where to begin (default: /)'))
    .description('Finds the files of an image for which everything holds that is asked.')
    .option('--name <pattern>', `of the name; ${PATTERNS}`)
    .option('--iname <pattern>', 'the same, capital letters or not')
    .option('--path <pattern>', 'of the whole path')
    .addOption(
      new Option(
        '--kind <letter>',
        'f file, d directory, l symlink, c char or b block device, p fifo, s socket',
      ).choices([...'fdlcbps']),
    )
    .option('--min-size <bytes>', 'at least so large', bytes)
    .option('--max-size <bytes>', 'at most so large', bytes)
    .option('--newer <date>', 'modified after it', date)
    .option('--older <date>', 'modified before it', date)
    .option('--maxdepth <levels>', 'go no deeper', levels)
    .option('-0, --print0', 'end names with a NUL')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (image: string, paths: string[], options: FindOptions) =>
      (await import('./find.ts')).find(image, paths, options),
    ),
  addStackOptions(
    addDiskOptions(
      new Command('info')
        .summary('what is on an image: partitions, file systems, labels, UUIDs, use')
        .argument('<image...>', `${IMAGE_OR_NAME}; more than one: disks of the same machine`),
    ),
  )
    .description(
      'Shows the format of an image, its partitions and what is on them, and what is stacked on these, as fdisk, lsblk -f and df would.',
    )
    .option('-b, --bytes', 'sizes in bytes')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async ([image = '', ...more]: string[], options: InfoOptions) =>
      (await import('./info.ts')).info(image, { ...options, also: [...more, ...(options.also ?? [])] }),
    ),
  mounting(verb('df', 'how full a file system of an image is'))
    .description('Shows how full a file system of an image is.')
    .option('-b, --bytes', 'sizes in bytes')
    .option('-i, --inodes', 'files instead of bytes')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (image: string, options: DfOptions) => (await import('./df.ts')).df(image, options)),
  mounting(verb('tree', 'draw directories of an image').argument('[path]', 'default: /'))
    .description('Draws what is in a directory of an image and below it.')
    .option('-L, --level <levels>', 'go no deeper', levels)
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (image: string, path: string | undefined, options: TreeOptions) =>
      (await import('./tree.ts')).drawTree(image, path, options),
    ),
  mounting(verb('stat', 'show all that is known of files of an image').argument('<path...>', PATTERNS))
    .description(
      'Shows mode, owner, size, times to the nanosecond, inode and extended attributes of files of an image.',
    )
    .option('-L, --follow', 'of what a symlink leads to')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (image: string, paths: string[], options: StatOptions) =>
      (await import('./stat.ts')).stat(image, paths, options),
    ),
  mounting(verb('sha256', 'checksums of files of an image').argument('<path...>', PATTERNS))
    .description(
      'Writes SHA-256 checksums as sha256sum(1) does: -c of that checks a copy, below which the paths are to be named without a slash in front (-R . for all).',
    )
    .option('-R, --recursive', 'of all regular files below')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (image: string, paths: string[], options: Sha256Options) =>
      (await import('./sha256.ts')).sha256(image, paths, options),
    ),
  mounting(
    new Command('diff')
      .summary('compare the trees of two images')
      .argument('<image>', IMAGE_OR_NAME)
      .argument('<other>', 'the same'),
  )
    .description(
      'Compares the trees of two images: names, types, modes, owners, sizes, times, targets, attributes and bytes. Ends with 3 when they differ.',
    )
    .option('--path <directory>', 'only what is below it', '/')
    .option('--other-partition <partition>', 'of the other image (default: that of --partition)')
    .option('--other-also <image>', 'another disk of what the other image is a part of; may be repeated', several)
    .option('--no-times', 'times may differ')
    .option('--no-content', 'files of the same size and time count as the same')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (image: string, other: string, options: DiffOptions) => {
      const same = await (await import('./diff.ts')).diff(image, other, options);
      process.exitCode ??= same ? exitCodes.done : exitCodes.partial;
    }),
];

function date(text: string): Date {
  const value = new Date(text);
  if (!Number.isNaN(value.getTime())) return value;
  throw new InvalidArgumentError('It is no date: 2026-11-26, 2026-11-26T15:00:00Z.');
}

function levels(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a number of levels.');
}
