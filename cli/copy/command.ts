/** `lkl cptofs` and `lkl cpfromfs`: files and folders into a disk image and out of it, with the options of LKL's tools of those names. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { exitCodes, Failure } from '../failure.ts';
import { addStackOptions, mountOption, partitionOption, quietOption, typeOption } from '../options.ts';
import type { CpfromfsArguments, CptofsArguments } from './cptofs.ts';

const help = `
Each PATH is copied below DIRECTORY, which must be there, under its own name; the last part of it may be a pattern
(quoted: 'etc/*.conf'). Of ".", "./" and "/" all that is in them is copied. What is there already is replaced,
directories are kept. Without --owner, --group and --keep-owner all belongs to root.

The image is written where it lies, as Linux writes a disk: its journal is empty at the end, and when this is killed
the image is as a computer's is whose power failed. Raw images, qcow2 and others are written, also through LUKS, LVM and MD.

Exit codes: 0 all is there; 1 the command line is wrong; 2 the image is at fault or full; 3 all is there but what\nthe file system cannot have: files (symlinks on FAT), attributes, times; 4 anything else.`;

export const cptofsCommand = (): Command =>
  copying(new Command('cptofs'))
    .summary('copy files and folders into a disk image')
    .description(
      'Mounts a disk image in a Linux kernel of its own and copies files and folders of this machine into it.',
    )
    .argument('<path...>', 'files and folders, and last the directory in the image')
    .option('--keep-owner', 'everything stays whose it is here')
    .option('-s, --selinux <label>', 'security.selinux of every regular file')
    .addHelpText('after', help)
    .action(async (paths: string[], options: CptofsArguments) => {
      const { cptofs } = await import('./cptofs.ts');
      process.exitCode = (await cptofs(paths, options)) ? exitCodes.done : exitCodes.partial;
    });

const fromHelp = `
Each PATH of the image is copied into FOLDER, which must be there, under its own name; the last part of it may be a
pattern (quoted). Of "/", "." and "./" all that is in them is copied. What is there already is replaced. Modes, times,
symlinks, hard links and holes are kept; owners, attributes (ACLs, labels) and set-id bits with --keep-owner. Devices
and pipes are left out without it, sockets always, which is told and is exit code 3.`;

export const cpfromfsCommand = (): Command =>
  copying(new Command('cpfromfs'))
    .summary('copy files and folders out of a disk image')
    .description('Mounts a disk image in a Linux kernel of its own and copies files and folders out of it.')
    .argument('<path...>', 'paths in the image, and last the folder here')
    .option('--keep-owner', 'with owners, set-id bits, attributes, devices and pipes as in the image: root may do that')
    .addHelpText('after', fromHelp)
    .action(async (paths: string[], { filesystemImage, owner, group, keepOwner, ...options }: CpfromfsArguments) => {
      const { cp } = await import('../verbs/cp.ts');
      const named = owner === undefined && group === undefined ? undefined : ({ uid: owner, gid: group } as const);
      if (keepOwner && named)
        throw new Failure('usage', '--keep-owner is as in the image: without --owner and --group');
      const ids = keepOwner ?? named;
      const all = { ...options, ...(ids !== undefined && { owner: ids }), force: true } as const;
      const isWhole = await cp(filesystemImage, intoFolder(paths), all);
      process.exitCode = isWhole ? exitCodes.done : exitCodes.partial;
    });

/** A slash at its end says that the last one is a folder. */
const intoFolder = (paths: readonly string[]): string[] =>
  paths.map((path, i) => (i > 0 && i === paths.length - 1 ? `${path}/` : path));

/** What both directions take. */
const copying = (command: Command): Command =>
  addStackOptions(command)
    .addOption(new Option('-i, --filesystem-image <image>', 'a file or a block device').makeOptionMandatory())
    .addOption(typeOption())
    .addOption(partitionOption('-P, --partition <partition>'))
    .addOption(mountOption())
    .option('-o, --owner <uid>', 'whose everything becomes', id)
    .option('-g, --group <gid>', 'and which group', id)
    .option('-m, --mb <mb>', 'memory of the kernel in MiB', megabytes)
    .option('-p, --enable-printk', "show the kernel's log at the end")
    .addOption(quietOption());

function id(text: string): number {
  if (/^\d+$/.test(text) && Number(text) < 2 ** 32 - 1) return Number(text);
  throw new InvalidArgumentError('Ids are numbers from 0 to 4294967294.');
}

function megabytes(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 16 && Number(text) <= 112) return Number(text);
  throw new InvalidArgumentError('From 16 to 112.');
}
