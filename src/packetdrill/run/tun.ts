/** The device of a script: a tun, whose frames are what the remote side sends and gets. */

import { familyOf, newAddress, newRoute } from '../../abi/netlink/address.ts';
import { getLink, parseLink, setLink } from '../../abi/netlink/links/link.ts';
import { AT_FDCWD } from '../../abi/uapi/fs.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { plus } from '../../kernel/memory.ts';
import { mknodat } from '../../kernel/syscalls/dir.ts';
import { openat } from '../../kernel/syscalls/file.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import { setSysctl } from '../../kernel/syscalls/sysctl.ts';
import type { Settings } from './settings.ts';

export const DEVICE = 'tun0';

const S_IFCHR = 0o020_000;
const O_RDWR = 2;
/** linux/if_tun.h */
const TUNSETIFF = 0x4004_54ca;
const TUNSETOFFLOAD = 0x4004_54d0;
const IFF_TUN = 1;
const IFF_NO_PI = 0x1000;
/** Checksums, and segments of TCP for both versions, ECN too: what leaves is as large as TCP makes it. */
const OFFLOADS = 1 | 2 | 4 | 8;
const FLAGS_AT = 16;

/** Makes it for pid 1, up, with the address and the route of the settings. Answers its descriptor and index. */
export async function makeTun(
  { init }: Kernel,
  { local, prefix, remote, mtu }: Settings,
): Promise<{ readonly fd: number; readonly index: number }> {
  await mknodat(init, AT_FDCWD, '/dev/tun', S_IFCHR | 0o600, { major: 10, minor: 200 });
  const fd = must('openat', await openat(init, AT_FDCWD, '/dev/tun', O_RDWR), '/dev/tun');
  const { memory, scratch } = init;
  memory.view(scratch, 40).fill(0);
  memory.write(scratch, new TextEncoder().encode(DEVICE));
  memory.setU32(plus(scratch, FLAGS_AT), IFF_TUN | IFF_NO_PI);
  must('ioctl', await init.syscall('ioctl', fd, TUNSETIFF, scratch), 'TUNSETIFF');
  must('ioctl', await init.syscall('ioctl', fd, TUNSETOFFLOAD, OFFLOADS), 'TUNSETOFFLOAD');
  // Nobody is there to be asked for routes or told of groups.
  for (const key of ['accept_ra', 'router_solicitations', 'accept_dad']) {
    await setSysctl(init, `net.ipv6.conf.${DEVICE}.${key}`, '0');
  }
  const netlink = await NetlinkSocket.open(init);
  const [link] = await netlink.ask(getLink({ name: DEVICE }));
  const index = link ? parseLink(link.payload).index : 0;
  await netlink.send([
    setLink(index, { mtu, up: true }),
    newAddress(index, local, prefix),
    newRoute({
      family: familyOf(remote),
      destination: { address: remote, prefixLength: 8 * remote.length },
      device: index,
    }),
  ]);
  await init.syscall('close', netlink.fd);
  return { fd, index };
}
