/** `lkl webdav`: an image as a WebDAV server of this machine. */

import { Command, InvalidArgumentError } from 'commander';
import { addDiskOptions, addStackOptions, mountOption, partitionOption, subvolOption, typeOption } from '../options.ts';
import type { WebdavOptions } from './webdav.ts';

const DEFAULT_PORT = 8788;

export const webdavCommand = (): Command =>
  addStackOptions(addDiskOptions(new Command('webdav')))
    .summary('serve an image to file managers (WebDAV), on any system')
    .description(
      'Mounts a disk image in a Linux kernel of its own and serves its tree by WebDAV on loopback, until Ctrl-C: for Finder (Connect to Server), Explorer (Map network drive), GNOME Files (dav://), davfs2, rclone …',
    )
    .argument('<image>', 'a file or a block device')
    .addOption(typeOption())
    .addOption(partitionOption())
    .addOption(mountOption())
    .addOption(subvolOption())
    .option('--port <port>', 'to listen on; 0 takes any that is free', port, DEFAULT_PORT)
    .option('--ro', 'only read it: any format, or an image that nothing may change')
    .action(async (image: string, options: WebdavOptions) => (await import('./webdav.ts')).webdav(image, options));

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('A port is a number up to 65535.');
}
