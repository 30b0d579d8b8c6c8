/** `lkl mount` and `lkl umount`: an image as a directory of this machine, as LKL's lklfuse has it. */

import { Command, Option } from 'commander';
import { addDiskOptions, addStackOptions, partitionOption, typeOption } from '../options.ts';
import type { MountArguments } from './mount.ts';
import { idOption, mebibytesOption, mountWords } from './words.ts';

const help = `
Words of -o: ro; type=, part=, mb=, log=, lock=, uid=, gid= as the options of these names; opts= for the file system
("\\," is a comma in it: opts=noatime\\,discard); allow_other for all users, who may what modes and owners let them (as root it is so
unasked); default_permissions for the same without them; nowriteback sends each write on at once;
nodes= bounds the files that this machine's Linux knows at a time (default: 256 for each MiB of memory).

Images are written where they lie, by nobody else meanwhile, also through LUKS, LVM, MD and qcow2; what was written and synced
(fsync) is on the disk. Formats that are only read and compressed files are mounted with -o ro: journals are replayed in memory.
A passphrase is asked for with -f alone. \`lkl umount\` unmounts and waits until all is on the disk; umount, fusermount3 -u and Ctrl-C unmount, too. When this
is killed the image is as a computer's is whose power failed, and the directory is to be unmounted by fusermount3 -u.

It needs Linux with /dev/fuse, and fusermount3 (Debian: fuse3) unless run by root.`;

export const mountCommand = (): Command =>
  addStackOptions(
    addDiskOptions(
      new Command('mount')
        .summary('mount an image as a directory, without root')
        .description(
          'Mounts a disk image in a Linux kernel of its own, and that as a directory of this machine (FUSE).',
        )
        .argument('<image>', 'a file or a block device')
        .argument('<directory>', 'where to mount it')
        .addOption(typeOption())
        .addOption(partitionOption())
        .addOption(new Option('-o <words>', 'a list as of mount -o, see below').argParser(mountWords))
        .option('-f, --foreground', 'stay, and unmount at Ctrl-C')
        // As libfuse has it, one request after another; ours are answered in their order whatever waits.
        .addOption(new Option('-s').hideHelp())
        // For `lkl hijack --root`: the mount, and its directory, go when the process is gone that started this.
        .addOption(new Option('--until-disconnect').hideHelp())
        .option('--uid <uid>', "everything appears to be this user's", idOption)
        .option('--gid <gid>', "everything appears to be this group's", idOption)
        .option('-m, --mb <mb>', 'memory of the kernel in MiB (default: 256)', mebibytesOption)
        .option('--log <file>', "the kernel's log is added to it at the end")
        .option('--lock <file>', 'lock it (flock) for as long as the image is mounted, or fail'),
    ),
  )
    .addHelpText('after', help)
    .action(async (image: string, directory: string, options: MountArguments) =>
      (await import('./mount.ts')).mount(image, directory, options),
    );

export const umountCommand = (): Command =>
  new Command('umount')
    .summary('unmount what `lkl mount` mounted, and wait until it is on the disk')
    .argument('<directory>', 'where it is mounted')
    .option('-l, --lazy', 'also when it is in use: as soon as it is not')
    .action(async (directory: string, options: { readonly lazy?: true }) =>
      (await import('./umount.ts')).umount(directory, options),
    );
