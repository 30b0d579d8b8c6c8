/** The addresses of a user network: those that slirp has had since 1995, and QEMU after it. */

import { formatIp, parseIpv4, parseIpv6, parseMac } from '../../abi/netlink/inet.ts';

const must = (bytes: Uint8Array | undefined): Uint8Array => {
  if (!bytes) throw new Error('no address');
  return bytes;
};

export const user = {
  prefixLength: 24,
  network: must(parseIpv4('10.0.2.0')),
  mask: must(parseIpv4('255.255.255.0')),
  broadcast: must(parseIpv4('10.0.2.255')),
  /** The router; to the client also the host, where that is allowed. */
  router: must(parseIpv4('10.0.2.2')),
  dns: must(parseIpv4('10.0.2.3')),
  /** What DHCP gives. */
  client: must(parseIpv4('10.0.2.15')),
  prefix6: must(parseIpv6('fec0::')),
  prefix6Length: 64,
  router6: must(parseIpv6('fec0::2')),
  dns6: must(parseIpv6('fec0::3')),
  mac: must(parseMac('52:55:0a:00:02:02')),
  /** What a kernel makes of that MAC address (RFC 4291, appendix A). */
  linkLocal: must(parseIpv6('fe80::5055:aff:fe00:202')),
} as const;

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

export const isRouter = (address: Uint8Array): boolean =>
  equal(address, user.router) || equal(address, user.router6) || equal(address, user.linkLocal);
export const isDns = (address: Uint8Array): boolean => equal(address, user.dns) || equal(address, user.dns6);

/** Broadcast, multicast and what stays on this network: nothing of it goes outside. */
export function staysInside(address: Uint8Array): boolean {
  if (address.length === 16)
    return (
      address[0] === 0xff || (address[0] === 0xfe && ((address[1] ?? 0) & 0x80) === 0x80) || isUnspecified(address)
    );
  const [first = 0] = address;
  return first >= 224 || first === 0 || equal(address.subarray(0, 3), user.network.subarray(0, 3));
}

const isUnspecified = (address: Uint8Array): boolean => address.every((byte) => byte === 0);

/** Of this machine itself: not reached unless it is allowed. */
export function isLoopback(address: Uint8Array): boolean {
  const text = formatIp(address);
  return address.length === 4 ? address[0] === 127 : text === '::1' || /^::(ffff:)?7f/.test(text);
}
