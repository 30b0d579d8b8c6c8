/** FUSE's ioctl: the commands of file systems whose arguments hold no pointers. */

import { errnos } from '../../../abi/errno.ts';
import { fuse } from '../../../abi/uapi/fuse.ts';
import { plus } from '../../../kernel/memory.ts';
import { fields, getU64 } from '../layouts.ts';
import type { RequestTask } from '../request.ts';

const ioctlIn = fields('fuse_ioctl_in');
const ioctlOut = fields('fuse_ioctl_out');

/** As a 64-bit machine numbers them, and as our 32-bit kernel does: some have a `long` in their number, and an int in fact. */
const commands: ReadonlyMap<number, number> = new Map([
  [0x8008_6601, 0x8004_6601], // FS_IOC_GETFLAGS
  [0x4008_6602, 0x4004_6602], // FS_IOC_SETFLAGS
  [0x8008_7601, 0x8004_7601], // FS_IOC_GETVERSION
  [0x4008_7602, 0x4004_7602], // FS_IOC_SETVERSION
  [0x801c_581f, 0x801c_581f], // FS_IOC_FSGETXATTR
  [0x401c_5820, 0x401c_5820], // FS_IOC_FSSETXATTR
  [0xc018_5879, 0xc018_5879], // FITRIM
  [0x8100_9431, 0x8100_9431], // FS_IOC_GETFSLABEL
  [0x4100_9432, 0x4100_9432], // FS_IOC_SETFSLABEL
  [0x8011_1500, 0x8011_1500], // FS_IOC_GETFSUUID
]);

/** Of the open file or directory. What has an argument brings all of it, and gets all of it back. */
export async function ioctl(request: RequestTask): Promise<number> {
  const { data, in: at } = request;
  const flags = data.getUint32(at + ioctlIn.flags, true);
  const command = commands.get(data.getUint32(at + ioctlIn.cmd, true));
  if (command === undefined || flags & fuse.IOCTL_UNRESTRICTED) return -errnos.ENOTTY.number;
  const [brings, gets] = [data.getUint32(at + ioctlIn.in_size, true), data.getUint32(at + ioctlIn.out_size, true)];
  const fd = getU64(data, at + ioctlIn.fh);
  const argument = request.aside.at;
  request.view(argument, ARGUMENT_BYTES).fill(0);
  request.view(argument, brings).set(request.view(plus(at, ioctlIn.bytes), brings));
  const ret = await request.call('ioctl', fd, command, argument);
  if (ret < 0) return ret;
  request.view(request.out, ioctlOut.bytes + gets).fill(0);
  request.data.setInt32(request.out + ioctlOut.result, ret, true);
  request.view(request.out + ioctlOut.bytes, gets).set(request.view(argument, gets));
  return ioctlOut.bytes + gets;
}
const ARGUMENT_BYTES = 1024;
