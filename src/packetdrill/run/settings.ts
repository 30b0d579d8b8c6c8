/** What a script runs with: packetdrill's options of the command line, and what it takes when they are not said. */

import { formatIp, parseIp } from '../../abi/netlink/inet.ts';
import { ScriptError } from '../language/script-error.ts';

export const ipVersions = ['ipv4', 'ipv6', 'ipv4-mapped-ipv6'] as const;
export type IpVersion = (typeof ipVersions)[number];

export interface Settings {
  readonly ipVersion: IpVersion;
  /** On the wire. */
  readonly version: 4 | 6;
  readonly local: Uint8Array;
  readonly prefix: number;
  readonly remote: Uint8Array;
  readonly bindPort: number;
  readonly connectPort: number;
  readonly mtu: number;
  readonly toleranceUs: number;
  /** Of one tick of timestamps; 0: they are not looked at. */
  readonly tsTickUs: number;
  /** Packets must be cut as the script has them. */
  readonly strictSegments: boolean;
  readonly defines: ReadonlyMap<string, string>;
}

interface Defaults {
  readonly local: string;
  readonly prefix: number;
  readonly remote: string;
  readonly mtu: number;
  readonly defines: Readonly<Record<string, string>>;
}

/** As the kernel's own runner of its scripts has them, and Google's. */
const v4: Defaults = {
  local: '192.168.0.1',
  prefix: 16,
  remote: '192.0.2.1',
  mtu: 1500,
  defines: {
    TFO_COOKIE: '3021b9d889017eeb',
    TFO_COOKIE_ZERO: 'b7c12350a90dc8f5',
    CMSG_LEVEL_IP: 'SOL_IP',
    CMSG_TYPE_RECVERR: 'IP_RECVERR',
  },
};
const defaults: Readonly<Record<IpVersion, Defaults>> = {
  ipv4: v4,
  ipv6: {
    local: 'fd3d:0a0b:17d6::1',
    prefix: 48,
    remote: 'fd3d:fa7b:d17d::1',
    mtu: 1520,
    defines: {
      TFO_COOKIE: 'c1d1e9742a47a9bc',
      TFO_COOKIE_ZERO: '82af1a8f9a205c34',
      CMSG_LEVEL_IP: 'SOL_IPV6',
      CMSG_TYPE_RECVERR: 'IPV6_RECVERR',
    },
  },
  'ipv4-mapped-ipv6': {
    ...v4,
    defines: { ...v4.defines, CMSG_LEVEL_IP: 'SOL_IPV6', CMSG_TYPE_RECVERR: 'IPV6_RECVERR' },
  },
};

/** Options that mean nothing here: there is no host whose device, timing or Python could be chosen. */
const ignored = new Set([
  'dry_run',
  'non_fatal',
  'verbose',
  'debug',
  'code',
  'speed',
  'gateway_ip',
  'netmask_ip',
  'init_scripts',
  'persistent_tun_dev',
  'use_expect',
  'no_cleanup',
  'local_linux_ip',
  'remote_ip_file',
  'send_omit_free',
  'udp_encaps',
]);

/** Options of a script below those of who runs it. Throws a `ScriptError` for what cannot be. */
export function settingsOf(
  ipVersion: IpVersion,
  options: ReadonlyMap<string, string>,
  defines: Readonly<Record<string, string>> = {},
): Settings {
  const base = defaults[ipVersion];
  const known = new Set(['ip_version', 'local_ip', 'remote_ip', 'bind_port', 'connect_port', 'mtu', 'tolerance_usecs']);
  for (const name of [...options.keys()]) {
    if (known.has(name) || ignored.has(name) || name === 'tcp_ts_tick_usecs' || name === 'strict_segments') continue;
    throw new ScriptError(`--${name} is no option that is known`);
  }
  const number = (name: string, fallback: number, max: number): number => {
    const text = options.get(name);
    if (text === undefined) return fallback;
    if (!/^\d+$/.test(text) || Number(text) > max)
      throw new ScriptError(`--${name} is no number up to ${max}: "${text}"`);
    return Number(text);
  };
  const address = (name: string, fallback: string): Uint8Array => {
    // What a script says of one version is not for the other.
    const found = parseIp(options.get(name) ?? fallback);
    const own = parseIp(fallback) ?? new Uint8Array();
    if (!found) throw new ScriptError(`--${name} is no address: "${options.get(name)}"`);
    return found.length === own.length ? found : own;
  };
  return {
    ipVersion,
    version: ipVersion === 'ipv6' ? 6 : 4,
    local: address('local_ip', base.local),
    prefix: base.prefix,
    remote: address('remote_ip', base.remote),
    bindPort: number('bind_port', 8080, 65_535),
    connectPort: number('connect_port', 8080, 65_535),
    mtu: number('mtu', base.mtu, 65_535),
    toleranceUs: number('tolerance_usecs', 4000, 1e9),
    tsTickUs: number('tcp_ts_tick_usecs', 0, 1e6),
    strictSegments: options.has('strict_segments'),
    defines: new Map(Object.entries({ ...base.defines, ...defines })),
  };
}

export const shown = (address: Uint8Array): string => formatIp(address);
