/** The verbs that make, check, repair and grow file systems, and run Linux's own programs on images. */

import { Argument, Command, Option } from 'commander';
import { exitCodes } from '../failure.ts';
import {
  addDiskOptions,
  addStackOptions,
  bytes,
  mountOption,
  partitionOption,
  quietOption,
  subvolOption,
  typeOption,
} from '../options.ts';
import type { FsckOptions } from './fsck.ts';
import type { MkfsOptions, MkfsSize } from './mkfs.ts';
import type { ResizeOptions } from './resize.ts';
import type { RunOptions } from './run.ts';
import type { ShellOptions } from './shell.ts';

const IMAGE = 'a raw image or a block device, written where it lies';

const seedOption = () =>
  new Option('--seed <text>', 'decides UUIDs and everything random: the same seed and input give the same bytes');

const mkfsHelp = `
The file system is made by its own program (mke2fs, mkfs.xfs, mkfs.btrfs, mkfs.fat, mkfs.exfat, mkfs.f2fs, mksquashfs,
mkfs.erofs) on a Linux kernel in this process: no root, no mount. What stands behind -- goes to that program as it is.
With --from it is then mounted there and filled: a folder with all that is in it, a tar, the image of a container
(docker save, an OCI archive), a cpio or another image. Of a folder all belongs to root unless --keep-owner says
otherwise. Paths of a tar are taken from the top, whatever ".." they have, and symlinks on the way stay inside.

SOURCE_DATE_EPOCH in the environment is the time of everything, files that are newer included; --seed alone stands for
2026-01-01.

Examples:
  lkl mkfs -t ext4 -s 2G disk.img --label data
  lkl mkfs -t xfs -s 1G root.xfs --from rootfs/ --seed 1
  lkl mkfs -t ext4 -s fit root.ext4 --from image.tar
  lkl mkfs -t squashfs app.squashfs --from app/ -- -comp zstd

Exit codes: 0 all is there; 1 the command line is wrong; 2 it does not fit, or what it is made of is at fault; 3 all is
there but what the file system cannot have, such as symlinks on FAT; 4 anything else.`;

const fsckHelp = `
Nothing is written unless --auto or --yes says so. The program's own words are on standard output.

Exit codes: 0 it is clean; 1 the command line is wrong; 2 it has errors; 3 it had errors, and has none any more; 4 anything else.`;

const runHelp = `
The programs are Linux's own (\`lkl run\` alone lists them), on a Linux kernel in this process. Disks are /dev/vda,
/dev/vdb … in the order they are named, with partitions; what is written to them is written to the image unless
--read-only. The exit code is the program's, 128 and the signal's number where one ended it.

Examples:
  lkl run --disk disk.img -- tune2fs -L new /dev/vda
  lkl run --disk disk.img --read-only -- debugfs -R 'ls -l /' /dev/vda
  lkl run -- sh -c 'echo $((6 * 7)); uname -a'`;

export const toolCommands = (): readonly Command[] => [
  new Command('mkfs')
    .summary('make a file system in an image, empty or of a folder or a tar')
    .description('Makes a file system in an image file.')
    .addArgument(new Argument('<image>', 'a file that is made, or with --force made anew, or a block device'))
    .addArgument(new Argument('[words...]', 'behind --: for the program that makes it'))
    .requiredOption('-t, --type <type>', 'ext4, xfs, btrfs, vfat, squashfs …')
    .option(
      '-s, --size <size>',
      'of a new file: 512M, 2G; fit: the smallest that holds what --from names (default: that of a file that is there)',
      sizeOrFit,
    )
    .option('-L, --label <label>', 'of the file system')
    .option('-U, --uuid <uuid>', 'of the file system (vfat: its serial number)')
    .option('--from <path>', 'what it is filled with: a folder, or a tar (- is standard input)')
    .option('--keep-owner', 'files of a folder stay whose they are')
    .option('--even-if-cut', 'of an image or an archive that was cut short take what is there')
    .option('-f, --force', 'where something is already')
    .addOption(seedOption())
    .addOption(quietOption())
    .addHelpText('after', mkfsHelp)
    .action(async (image: string, words: string[], options: MkfsOptions) => {
      const isWhole = await (await import('./mkfs.ts')).mkfs(image, words, options);
      process.exitCode = isWhole ? exitCodes.done : exitCodes.partial;
    }),
  new Command('convert')
    .summary('the tree of an image, a tar or a folder as another image')
    .description('Makes a file system of the tree of an image, a tar, a cpio, a container’s image or a folder.')
    .argument('<from>', 'whatever has a tree')
    .addArgument(new Argument('<image>', 'a file that is made, or with --force made anew'))
    .addArgument(new Argument('[words...]', 'behind --: for the program that makes it'))
    .requiredOption('-t, --type <type>', 'ext4, xfs, btrfs, vfat, squashfs …')
    .option('-s, --size <size>', 'of the new file: 512M, 2G, fit; squashfs and erofs always fit', sizeOrFit)
    .option('-L, --label <label>', 'of the file system')
    .option('-U, --uuid <uuid>', 'of the file system (vfat: its serial number)')
    .option('--even-if-cut', 'of what was cut short take what is there')
    .option('-f, --force', 'where something is already')
    .addOption(seedOption())
    .addOption(quietOption())
    .action(async (from: string, image: string, words: string[], options: Omit<MkfsOptions, 'from' | 'keepOwner'>) => {
      const isWhole = await (await import('./mkfs.ts')).mkfs(image, words, { ...options, from, keepOwner: true });
      process.exitCode = isWhole ? exitCodes.done : exitCodes.partial;
    }),
  new Command('fsck')
    .summary('check a file system of an image, and repair it')
    .description('Checks a file system of an image by its own program, and repairs it if asked.')
    .argument('<image>', IMAGE)
    .addOption(new Option('-t, --type <type>', 'of the file system (default: found out)'))
    .addOption(partitionOption())
    .addOption(new Option('-a, --auto', 'repair what is safe to repair').conflicts('yes'))
    .option('-y, --yes', 'repair all that can be')
    .addHelpText('after', fsckHelp)
    .action(async (image: string, options: FsckOptions) => {
      process.exitCode = await (await import('./fsck.ts')).fsck(image, options);
    }),
  new Command('resize')
    .summary('give an image and its file system another size')
    .description('Makes an image and the file system in it larger or, where the file system can, smaller.')
    .argument('<image>', IMAGE)
    .argument('<size>', 'of both: 4G; +1G adds to what it is', sizeOrMore)
    .addOption(new Option('-t, --type <type>', 'of the file system (default: found out)'))
    .addOption(quietOption())
    .action(async (image: string, size: Size, options: ResizeOptions) =>
      (await import('./resize.ts')).resize(image, size, options),
    ),
  addStackOptions(addDiskOptions(new Command('shell')))
    .summary('a shell in an image')
    .description(
      'Mounts an image on a Linux kernel in this process and runs a shell there, with the tools and the usual commands.',
    )
    .argument('<image>', 'an image or a block device, written where it lies')
    .addOption(typeOption())
    .addOption(partitionOption())
    .addOption(mountOption())
    .addOption(subvolOption())
    .option('-r, --read-only', 'the image is not written; then it may have any format')
    .action(async (image: string, options: ShellOptions) => {
      process.exitCode = await (await import('./shell.ts')).shell(image, options);
    }),
  new Command('run')
    .summary("run one of Linux's own programs on images")
    .description("Runs one of Linux's own programs on a kernel with images as its disks.")
    .argument('[program...]', 'behind --: what is run, and its words')
    .option('-d, --disk <image>', 'a disk of the kernel, several times for several', gather, [])
    .option('-r, --read-only', 'the images are not written')
    .addOption(seedOption())
    .addHelpText('after', runHelp)
    .action(async (program: string[], options: RunOptions) => {
      process.exitCode = await (await import('./run.ts')).run(program, options);
    }),
];

/** An absolute size, or one on top of what there is. */
export interface Size {
  readonly bytes: number;
  readonly isMore: boolean;
}

function sizeOrMore(text: string): Size {
  const isMore = text.startsWith('+');
  return { bytes: bytes(isMore ? text.slice(1) : text), isMore };
}

const sizeOrFit = (text: string): MkfsSize => (text === 'fit' ? text : bytes(text));

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value];
