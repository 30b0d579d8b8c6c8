/** tap and macvtap: the host's own network at the other end of the cable (Documentation/networking/tuntap.rst). */

import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { OFFLOADS } from '../../kernel/virtio/net-backend.ts';
import { hostCall, mustCall } from '../native/calls.ts';
import { frameBackend } from './frames.ts';
import { InterfaceError, refused } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';

/** linux/if_tun.h */
const TUNSETIFF = 0x4004_54ca;
const TUNSETOFFLOAD = 0x4004_54d0;
const TUNSETVNETHDRSZ = 0x4004_54d8;
/** linux/sockios.h */
const SIOCGIFHWADDR = 0x8927;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUN_F = { csum: 0x01, tso4: 0x02, tso6: 0x04, ecn: 0x08, ufo: 0x10, uso4: 0x20, uso6: 0x40 } as const;

const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;

/** What the host may leave undone in frames to us, and the feature of the driver that makes up for it. */
const toUs: readonly (readonly [bigint, number])[] = [
  [OFFLOADS.guestCsum, TUN_F.csum],
  [OFFLOADS.guestTso4, TUN_F.tso4],
  [OFFLOADS.guestTso6, TUN_F.tso6],
  [OFFLOADS.guestEcn, TUN_F.ecn],
  [OFFLOADS.guestUfo, TUN_F.ufo],
  [OFFLOADS.guestUso4, TUN_F.uso4],
  [OFFLOADS.guestUso6, TUN_F.uso6],
];
/** Nobody sets these from outside: a host with UFO or USO of one direction only has none (Linux ≥ 4.14, ≥ 6.2). */
const toHost = OFFLOADS.csum | OFFLOADS.hostTso4 | OFFLOADS.hostTso6 | OFFLOADS.hostEcn | OFFLOADS.hostUso;

const TUN = '/dev/net/tun';

/** The tap of this name; it is made, for as long as it is attached, where there is none. */
export function openTap(name: string, wanted: bigint): OpenedInterface {
  mustBeName('tap', name);
  const what = `tap ${name}`;
  return open(what, TUN, name, wanted, {
    EPERM: `only root, or who has CAP_NET_ADMIN, makes taps; root can give one away: ip tuntap add ${name} mode tap user …`,
    EBUSY: 'another program has it',
    EINVAL: 'there is a device of this name that is no tap',
    ENOENT: `there is no ${TUN} on this machine`,
    EACCES: `${TUN} is not yours to open`,
  });
}

/** A macvtap by its character device, as LKL has it (`/dev/tap12`), or by its name. */
export function openMacvtap(param: string, wanted: bigint): OpenedInterface {
  const what = `macvtap ${param}`;
  const path = param.includes('/') ? param : `/dev/tap${indexOf(param, what)}`;
  return open(what, path, '', wanted, {
    ENOENT: `there is no ${path}: ip link add link eth0 name macvtap0 type macvtap mode bridge, and udev makes the node`,
    EBUSY: 'another program has it',
    EACCES: `${path} is not yours to open`,
    EPERM: `${path} is not yours to open`,
    ENOTTY: `${path} is no macvtap`,
  });
}

function open(
  what: string,
  path: string,
  name: string,
  wanted: bigint,
  hints: Parameters<typeof refused>[2],
): OpenedInterface {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const ifreq = new Uint8Array(IFREQ_BYTES);
    ifreq.set(new TextEncoder().encode(name));
    const view = new DataView(ifreq.buffer);
    // A macvtap has its name already, and takes the flags alone.
    view.setUint16(IFNAMSIZ, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
    mustCall('ioctl', fd, TUNSETIFF, ifreq);
    mustCall('ioctl', fd, TUNSETVNETHDRSZ, Int32Array.of(12));
    const offloads = (wanted & toHost) | setOffloads(fd, wanted);
    // `%d` in a name is a number of the host's choice.
    const given = new TextDecoder().decode(ifreq.subarray(0, IFNAMSIZ)).replace(/\0.*/s, '');
    const named = name === '' ? what : `tap ${given}`;
    const mac = name === '' ? hardwareAddress(fd) : undefined;
    return { backend: frameBackend({ fd, offloads, headerBytes: 12 }), what: named, mac };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw refused(what, cause, hints);
  }
}

/** A macvtap gets frames to its own address alone, unless its mode is passthru. */
function hardwareAddress(fd: number): Uint8Array | undefined {
  const ifreq = new Uint8Array(IFREQ_BYTES);
  // struct sockaddr behind the name: its family, then the address.
  return hostCall('ioctl', fd, SIOCGIFHWADDR, ifreq) < 0 ? undefined : ifreq.slice(IFNAMSIZ + 2, IFNAMSIZ + 8);
}

/** Tells the host what it may leave undone; answers that much of what was wanted. */
function setOffloads(fd: number, wanted: bigint): bigint {
  const asked = toUs.filter(([feature]) => (wanted & feature) !== 0n && (wanted & OFFLOADS.guestCsum) !== 0n);
  const without = (names: readonly number[]) => asked.filter(([, flag]) => !names.includes(flag));
  const { uso4, uso6, ufo } = TUN_F;
  // What this host's Linux does not know is left out.
  for (const some of [asked, without([uso4, uso6]), without([uso4, uso6, ufo]), []]) {
    const flags = some.reduce((all, [, flag]) => all | flag, 0);
    if (hostCall('ioctl', fd, TUNSETOFFLOAD, flags) >= 0) return some.reduce((all, [feature]) => all | feature, 0n);
  }
  return 0n;
}

function indexOf(name: string, what: string): string {
  mustBeName('macvtap', name);
  try {
    return readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8').trim();
  } catch {
    throw new InterfaceError(`${what}: this machine has no such device`);
  }
}

/** A name that Linux gives a device (dev_valid_name). */
export function mustBeName(type: string, name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0 || bytes >= IFNAMSIZ || name === '.' || name === '..' || /[\s/:\0]/.test(name))
    throw new InterfaceError(
      `${type} ${JSON.stringify(name)}: its param is the name of a device: 1 to 15 bytes without blanks, slashes and colons`,
    );
}
