/** The verbs that make, check, repair and grow file systems, and run Linux's own programs on images. */

import { Argument, Command, Option } from 'commander';
import { formatOfName, type MadeFormat, madeFormats, madeKinds } from '../../src/storage/formats/make/made-formats.ts';
import { architectures } from '../../src/tools/disk/definitions/partition-kinds.ts';
import { exitCodes, Failure } from '../failure.ts';
import {
  addDiskOptions,
  addLuksOptions,
  addSecretOptions,
  addStackOptions,
  bytes,
  type DiskOptions,
  mountOption,
  partitionOption,
  quietOption,
  subvolOption,
  typeOption,
} from '../options.ts';
import type { FsckOptions } from './fsck.ts';
import type { MkfsOptions, MkfsSize } from './mkfs/job.ts';
import type { MkimageOptions } from './mkimage/mkimage.ts';
import type { PartitionOptions } from './partition.ts';
import type { ResizeOptions, Size } from './resize.ts';
import type { RunOptions } from './run.ts';
import type { ShellOptions } from './shell.ts';

const IMAGE = 'a raw image, a block device, a qcow2 or another that is written, where it lies';

/** What a tree is taken from, where that is an image. */
const addSourceOptions = (command: Command): Command =>
  addStackOptions(
    command
      .addOption(partitionOption())
      .addOption(subvolOption())
      .option('--even-if-cut', 'of what was cut short take what is there'),
  );

const seedOption = () =>
  new Option('--seed <text>', 'decides UUIDs and everything random: the same seed and input give the same bytes');

const programOption = () =>
  new Option(
    '--program <module>',
    'a WebAssembly module as a program of this name: mine.wasm or NAME=mine.wasm; several times for several',
  )
    .argParser(gather)
    .default([], 'none');

const mkfsHelp = `
The file system is made by its own program (mke2fs, mkfs.xfs, mkfs.btrfs, mkfs.fat, mkfs.exfat, mkfs.f2fs, mksquashfs,
mkfs.erofs) on a Linux kernel in this process: no root, no mount. What stands behind -- goes to that program as it is.
With --from it is then mounted there and filled: a folder with all that is in it, a tar, the image of a container
(docker save, an OCI archive), a cpio or another image (-p, --subvol and what opens encrypted volumes are of that). Of a folder all belongs to root unless --keep-owner says
otherwise. Paths of a tar are taken from the top, whatever ".." they have, and symlinks on the way stay inside.

SOURCE_DATE_EPOCH in the environment is the time of everything, files that are newer included; --seed alone stands for
2026-01-01.

With --luks-passphrase-file or --luks-key-file the image is a LUKS2 volume (aes-xts-plain64, 16 MiB before its data) with
the file system in it. Its keys are random whatever --seed says, so that no two have the same bytes.

Examples:
  lkl mkfs -t ext4 -s 2G disk.img --label data
  lkl mkfs -t xfs -s 1G root.xfs --from rootfs/ --seed 1
  lkl mkfs -t ext4 -s fit root.ext4 --from image.tar
  lkl mkfs -t squashfs app.squashfs --from app/ -- -comp zstd
  lkl mkfs -t ext4 -s 2G secret.luks --luks-passphrase-file pass

Exit codes: 0 all is there; 1 the command line is wrong; 2 it does not fit, or what it is made of is at fault; 3 all is
there but what the file system cannot have: files (symlinks on FAT), attributes, times; 4 anything else. That FAT has no
owners, permissions and hard links is told.`;

const convertHelp = `
Read are raw, qcow2, VMDK, VHD, VHDX, VDI, Parallels, DMG, EWF and others, compressed files and standard input too. Zeros
become holes. What was there is replaced once all of the new image is there.

Made are:
${madeFormats.map((format) => `  ${format.padEnd(12)} ${madeKinds[format]}`).join('\n')}

Examples:
  lkl convert disk.vmdk disk.qcow2
  lkl convert disk.qcow2 disk.raw
  lkl convert disk.qcow2 disk.vmdk -O vmdk-stream
  lkl convert disk.vhdx - -O raw | ssh host 'dd of=/dev/sdb'
  lkl convert image.tar root.erofs -t erofs`;

type ConvertOptions = Omit<MkfsOptions, 'from' | 'keepOwner' | 'type'> &
  Pick<DiskOptions, 'format' | 'member' | 'state'> & {
    readonly type?: string;
    readonly to?: MadeFormat;
    readonly blockSize?: number;
  };

const whatConvertWants = (to: MadeFormat | undefined): string =>
  to === undefined
    ? `say what is to be made: -O ${madeFormats.join(', ')} of the disk, or -t ext4 … of the tree`
    : 'words behind -- are for the program that makes a file system: -t says which';

/** Options of `convert` for which a disk that is taken as it is has no place. */
const ofTreeAlone = [
  'partition',
  'subvol',
  'size',
  'label',
  'uuid',
  'seed',
  'luksKeyFile',
  'luksPassphraseFile',
  'luksPbkdf',
] as const;

const fsckHelp = `
Nothing is written unless --auto or --yes says so. Of XFS and btrfs --auto checks nothing, as fsck.xfs(8) and fsck.btrfs(8) do. The program's own words are on standard output.
squashfs, cramfs, romfs and iso9660, which have no checker and are never written, are read through the kernel, all of them.

Exit codes: 0 it is clean, or --auto has nothing to do; 1 the command line is wrong; 2 it has errors; 3 it had errors, and has none any more; 4 anything else.`;

const resizeHelp = `
An image that is one file system becomes as large as is asked, with that. In one with a partition table (GPT or DOS) the
last partition gives or takes the room, with the file system on it and, where it is a logical one, the extended partition;
the backup of a GPT moves to the new end. ext2, ext3, ext4, btrfs, f2fs and NTFS become larger and smaller, XFS larger; so does one that lies right in an encrypted volume (LUKS).`;

const partitionHelp = `
The words are sfdisk's own: a line for each partition ("size=100M, type=uefi"), headers before them ("label: gpt"). What
is on the partitions stays. Without anything on standard input, or on a terminal, the table is shown.

Examples:
  printf 'label: gpt\\nsize=100M, type=uefi\\ntype=linux\\n' | lkl partition -s 2G disk.img
  lkl partition --dump disk.img >table; lkl partition other.img <table`;

const mkimageHelp = `
Of repart.d(5): Type, Label, UUID, Format (ext4, xfs, btrfs, vfat, squashfs, erofs, swap …), CopyFiles, ExcludeFiles,
MakeDirectories, CopyBlocks, SizeMinBytes, SizeMaxBytes, Weight, Minimize, Verity (data, hash), VerityMatchKey, Encrypt
(key-file), ReadOnly, NoAuto, GrowFileSystem. Of genimage: image with hdimage (align, partition-table-type, disk-signature, disk-uuid), partitions
and images of type vfat, ext2, ext3, ext4, squashfs, btrfs, erofs, f2fs and file. What is not done here is an error.

With --seed the same input gives the same bytes; with a UUID as seed the partitions have the UUIDs that systemd-repart
would give them. SOURCE_DATE_EPOCH is the time of everything.

Examples:
  lkl mkimage repart.d/ --root rootfs/ -o disk.img --seed 1
  lkl mkimage repart.d/ --root rootfs/ --table dos -s 4G -o sdcard.img
  lkl mkimage genimage.cfg --root target/ --input images/ -o sdcard.img`;

const runHelp = `
The programs are Linux's own (\`lkl run\` alone lists them), on a Linux kernel in this process. Disks are /dev/vda,
/dev/vdb … in the order they are named, with partitions; what is written to them is written to the image unless
--read-only. The exit code is the program's, 128 and the signal's number where one ended it.

A module of WebAssembly on this machine is a program too: one that lkl-cc made of C, with all of Linux's system calls, or
one of WASI (preview 1) as Rust, Zig, Go and others make. It is named by its path, or given by --program for scripts.

Examples:
  lkl run --disk disk.img -- tune2fs -L new /dev/vda
  lkl run --disk disk.img --read-only -- debugfs -R 'ls -l /' /dev/vda
  lkl run -- sh -c 'echo $((6 * 7)); uname -a'
  lkl run --disk disk.img -- ./mine.wasm /dev/vda
  lkl run --program ./mine.wasm -- sh -c 'mine | sort'`;

export const toolCommands = (): readonly Command[] => [
  addLuksOptions(addSourceOptions(new Command('mkfs')))
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
    .option('--keep-owner', 'files of a folder stay whose they are, and keep SELinux labels and their like')
    .option('-f, --force', 'where something is already')
    .addOption(seedOption())
    .addOption(quietOption())
    .addHelpText('after', mkfsHelp)
    .action(async (image: string, words: string[], options: MkfsOptions) => {
      const isWhole = await (await import('./mkfs/mkfs.ts')).mkfs(image, words, options);
      process.exitCode = isWhole ? exitCodes.done : exitCodes.partial;
    }),
  addLuksOptions(addSourceOptions(new Command('convert')))
    .summary('an image as another: its disk as raw, qcow2, VMDK, VHDX …, or its tree as another file system')
    .description(
      'Makes an image of another format of the disk in an image of any format (-O), or a file system of the tree of an image, a tar, a cpio, a container’s image or a folder (-t).',
    )
    .argument('<from>', 'an image of any format, with -t whatever has a tree; - is standard input')
    .addArgument(
      new Argument('<image>', 'a file that is made, or with --force made anew; with -O also - or a block device'),
    )
    .addArgument(new Argument('[words...]', 'behind --: for the program that makes the file system'))
    .addOption(
      new Option('-O, --to <format>', 'of the disk (default: without -t, what the name ends with)')
        .choices(madeFormats)
        .conflicts(['type', ...ofTreeAlone]),
    )
    .option('--block-size <size>', 'of a VHDX: 1M to 256M, a power of two (default: as qemu-img has it)', bytes)
    .addOption(new Option('-t, --type <type>', 'of the tree: ext4, xfs, btrfs, vfat, squashfs …'))
    .option('-s, --size <size>', 'of the new file: 512M, 2G, fit; squashfs and erofs always fit', sizeOrFit)
    .option('-L, --label <label>', 'of the file system')
    .option('-U, --uuid <uuid>', 'of the file system (vfat: its serial number)')
    .option('--format <format>', 'of what is read: raw, vmdk … (default: found out)')
    .option('--member <name>', 'which disk of a file that has several')
    .option('--state <name>', 'which state of a disk that keeps several')
    .option('-f, --force', 'where something is already')
    .addOption(seedOption())
    .addOption(quietOption())
    .addHelpText('after', convertHelp)
    .action(async (from: string, image: string, words: string[], options: ConvertOptions) => {
      const { type } = options;
      if (type === undefined) {
        const { convertDisk } = await import('../convert/convert-disk.ts');
        const to = options.to ?? formatOfName(image);
        if (to === undefined || words.length > 0) throw new Failure('usage', whatConvertWants(to));
        if (ofTreeAlone.some((option) => options[option] !== undefined))
          throw new Failure(
            'usage',
            '-p, --subvol, --seed, --luks-… and what a file system has (-s, -L, -U) are of a tree: -t says what that becomes; -O takes the whole disk',
          );
        return convertDisk(from, image, { ...options, to });
      }
      const isWhole = await (await import('./mkfs/mkfs.ts')).mkfs(image, words, {
        ...options,
        type,
        from,
        keepOwner: true,
      });
      process.exitCode = isWhole ? exitCodes.done : exitCodes.partial;
    }),
  addStackOptions(new Command('fsck'))
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
  addSecretOptions(new Command('resize'))
    .summary('give an image and its file system another size')
    .description('Makes an image and the file system in it larger or, where the file system can, smaller.')
    .argument('<image>', 'a raw image, written where it lies')
    .argument('<size>', 'of the image: 4G; +1G adds to what it is', sizeOrMore)
    .addOption(new Option('-t, --type <type>', 'of the file system (default: found out)'))
    .addOption(partitionOption())
    .addHelpText('after', resizeHelp)
    .addOption(quietOption())
    .action(async (image: string, size: Size, options: ResizeOptions) =>
      (await import('./resize.ts')).resize(image, size, options),
    ),
  new Command('partition')
    .summary("write an image's partition table, or show it")
    .description(
      'Writes the partition table that standard input describes in the words of sfdisk, or shows the one that is there.',
    )
    .argument('<image>', IMAGE)
    .addArgument(new Argument('[words...]', 'behind --: for sfdisk'))
    .option('-s, --size <size>', 'of a new file', bytes)
    .option('--dump', 'show the table as it could be written again; nothing is read')
    .addOption(seedOption())
    .addHelpText('after', partitionHelp)
    .action(async (image: string, words: string[], options: PartitionOptions) =>
      (await import('./partition.ts')).partition(image, words, options),
    ),
  new Command('mkimage')
    .summary('a whole disk of definitions: partitions and what is in them')
    .description(
      'Makes a disk image with a partition table and file systems, of definitions as systemd-repart or genimage have them.',
    )
    .argument('<definitions>', 'a folder with repart.d files (*.conf), or a configuration of genimage')
    .requiredOption('-o, --output <image>', 'a file that is made, or with --force made anew')
    .option(
      '-s, --size <size>',
      'of the disk; what is left partitions get by their weight (default: what they need)',
      bytes,
    )
    .addOption(new Option('--table <type>', 'of definitions (default: gpt)').choices(['gpt', 'dos']))
    .option('--root <folder>', 'what absolute paths of sources begin at (default: the root of this machine)')
    .option('--input <folder>', 'what other paths are relative to (default: where the definitions are)')
    .option('--image <name>', 'which disk of a configuration that has several')
    .addOption(
      new Option('--architecture <name>', 'whose root and usr partitions "root" and "usr" are')
        .choices(architectures)
        .default(process.arch === 'arm64' ? 'arm64' : 'x86-64'),
    )
    .option('--key-file <file>', 'what opens the partitions with Encrypt=key-file: all of this file')
    .option(
      '--keep-owner',
      'files stay whose they are, and keep SELinux labels and their like (default: all is root’s)',
    )
    .option('-f, --force', 'where something is already')
    .addOption(seedOption())
    .option('--json', 'say as JSON what was made')
    .addOption(quietOption())
    .addHelpText('after', mkimageHelp)
    .action(async (definitions: string, options: MkimageOptions) => {
      const isWhole = await (await import('./mkimage/mkimage.ts')).mkimage(definitions, options);
      process.exitCode = isWhole ? exitCodes.done : exitCodes.partial;
    }),
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
    .addOption(programOption())
    .action(async (image: string, options: ShellOptions) => {
      process.exitCode = await (await import('./shell.ts')).shell(image, options);
    }),
  new Command('run')
    .summary("run one of Linux's own programs, or one of yours, on images")
    .description("Runs one of Linux's own programs, or one of yours, on a kernel with images as its disks.")
    .argument('[program...]', 'behind --: what is run, and its words')
    .option('-d, --disk <image>', 'a disk of the kernel, several times for several', gather, [])
    .option('-r, --read-only', 'the images are not written')
    .addOption(programOption())
    .addOption(seedOption())
    .addHelpText('after', runHelp)
    .action(async (program: string[], options: RunOptions) => {
      process.exitCode = await (await import('./run.ts')).run(program, options);
    }),
];

function sizeOrMore(text: string): Size {
  const isMore = text.startsWith('+');
  return { bytes: bytes(isMore ? text.slice(1) : text), isMore };
}

const sizeOrFit = (text: string): MkfsSize => (text === 'fit' ? text : bytes(text));

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
