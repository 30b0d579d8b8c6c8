/** IFLA_INFO_DATA of each kind of device: bridges, VLANs, tunnels, bonds, VRFs, MACsec; include/uapi/linux/if_link.h and if_tunnel.h. */

import { IFLA_BR, IFLA_VLAN } from '../constants.ts';
import { type Attribute, attrBe16, attrU8, attrU16, attrU32, maybe, present, raw } from '../message.ts';

/** Ends of a tunnel: 4 bytes, or 16 for the kinds over IPv6. */
interface Ends {
  readonly local?: Uint8Array;
  readonly remote?: Uint8Array;
  readonly ttl?: number;
  readonly tos?: number;
  /** ifindex that its packets leave by. */
  readonly device?: number;
}

/** In the order of the kernel's numbers. */
const bondModes = [
  'balance-rr',
  'active-backup',
  'balance-xor',
  'broadcast',
  '802.3ad',
  'balance-tlb',
  'balance-alb',
] as const;
const bondHashPolicies = ['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4', 'vlan+srcmac'] as const;
const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;

/** A kind of device that stands alone, or on others of its namespace; `link` is the ifindex of the one below. */
export type StackedKind =
  | {
      readonly kind: 'bridge';
      readonly vlanFiltering?: boolean;
      readonly stp?: boolean;
      readonly ageingSeconds?: number;
      readonly snooping?: boolean;
      readonly querier?: boolean;
    }
  | { readonly kind: 'vlan'; readonly link: number; readonly id: number }
  | { readonly kind: 'ifb' | 'dummy' | 'wireguard' }
  | ({
      readonly kind: 'vxlan';
      readonly id: number;
      readonly port: number;
      readonly learning?: boolean;
    } & Ends)
  | ({ readonly kind: 'geneve'; readonly id: number; readonly port: number } & Ends)
  | ({ readonly kind: 'gre' | 'gretap' | 'ip6gre' | 'ip6gretap'; readonly key?: number } & Ends)
  | ({ readonly kind: 'ipip' | 'sit' | 'ip6tnl' } & Ends)
  | {
      readonly kind: 'bond';
      readonly mode: (typeof bondModes)[number];
      readonly miimonMs?: number;
      readonly hash?: (typeof bondHashPolicies)[number];
    }
  | { readonly kind: 'vrf'; readonly table: number }
  | { readonly kind: 'macsec'; readonly link: number; readonly port: number; readonly encrypt?: boolean }
  | { readonly kind: 'macvlan'; readonly link: number; readonly mode: keyof typeof macvlanModes }
  | { readonly kind: 'ipvlan'; readonly link: number; readonly mode: keyof typeof ipvlanModes };

const VXLAN = {
  ID: 1,
  GROUP: 2,
  LINK: 3,
  LOCAL: 4,
  TTL: 5,
  TOS: 6,
  LEARNING: 7,
  PORT: 15,
  GROUP6: 16,
  LOCAL6: 17,
} as const;
const GENEVE = { ID: 1, REMOTE: 2, TTL: 3, TOS: 4, PORT: 5, REMOTE6: 7 } as const;
const GRE = {
  LINK: 1,
  IFLAGS: 2,
  OFLAGS: 3,
  IKEY: 4,
  OKEY: 5,
  LOCAL: 6,
  REMOTE: 7,
  TTL: 8,
  TOS: 9,
  PMTUDISC: 10,
  ENCAP_LIMIT: 11,
} as const;
const IPTUN = { LINK: 1, LOCAL: 2, REMOTE: 3, TTL: 4, TOS: 5, ENCAP_LIMIT: 6, PROTO: 9, PMTUDISC: 10 } as const;
const BOND = { MODE: 1, MIIMON: 3, XMIT_HASH_POLICY: 14 } as const;
const VRF_TABLE = 1;
const MACSEC = { PORT: 2, ENCRYPT: 7 } as const;
const MODE = 1;
/** Tunnels within tunnels, ip-link(8)'s default. */
const ENCAP_LIMIT = 4;
/** GRE_KEY, in network order. */
const GRE_KEY = 0x2000;
const MCAST_QUERIER = 25;

const isIpv6 = (address: Uint8Array | undefined): boolean => address?.length === 16;
const flag = (value: boolean | undefined): number | undefined => (value === undefined ? undefined : Number(value));
function attrBe32(type: number, value: number): Attribute {
  return raw(type, Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}

export function kindAttributes(kind: StackedKind): readonly Attribute[] {
  switch (kind.kind) {
    case 'vlan':
      return [attrU16(IFLA_VLAN.ID, kind.id)];
    case 'bridge':
      return present(
        maybe(attrU32, IFLA_BR.AGEING_TIME, kind.ageingSeconds === undefined ? undefined : kind.ageingSeconds * 100), // USER_HZ
        maybe(attrU32, IFLA_BR.STP_STATE, flag(kind.stp)),
        maybe(attrU8, IFLA_BR.VLAN_FILTERING, flag(kind.vlanFiltering)),
        maybe(attrU8, IFLA_BR.MCAST_SNOOPING, flag(kind.snooping)),
        maybe(attrU8, MCAST_QUERIER, flag(kind.querier)),
      );
    case 'vxlan':
      return present(
        attrU32(VXLAN.ID, kind.id),
        maybe(raw, isIpv6(kind.remote) ? VXLAN.GROUP6 : VXLAN.GROUP, kind.remote),
        maybe(raw, isIpv6(kind.local) ? VXLAN.LOCAL6 : VXLAN.LOCAL, kind.local),
        maybe(attrU32, VXLAN.LINK, kind.device),
        maybe(attrU8, VXLAN.TTL, kind.ttl),
        maybe(attrU8, VXLAN.TOS, kind.tos),
        maybe(attrU8, VXLAN.LEARNING, flag(kind.learning)),
        attrBe16(VXLAN.PORT, kind.port),
      );
    case 'geneve':
      return present(
        attrU32(GENEVE.ID, kind.id),
        maybe(raw, isIpv6(kind.remote) ? GENEVE.REMOTE6 : GENEVE.REMOTE, kind.remote),
        maybe(attrU8, GENEVE.TTL, kind.ttl),
        maybe(attrU8, GENEVE.TOS, kind.tos),
        attrBe16(GENEVE.PORT, kind.port),
      );
    case 'gre':
    case 'gretap':
    case 'ip6gre':
    case 'ip6gretap':
      return present(
        maybe(attrBe32, GRE.IKEY, kind.key),
        maybe(attrBe32, GRE.OKEY, kind.key),
        ...(kind.key === undefined ? [] : [attrBe16(GRE.IFLAGS, GRE_KEY), attrBe16(GRE.OFLAGS, GRE_KEY)]),
        maybe(raw, GRE.LOCAL, kind.local),
        maybe(raw, GRE.REMOTE, kind.remote),
        isIpv6(kind.remote) ? attrU8(GRE.ENCAP_LIMIT, ENCAP_LIMIT) : attrU8(GRE.PMTUDISC, 1),
        maybe(attrU8, GRE.TOS, kind.tos),
        maybe(attrU32, GRE.LINK, kind.device),
        maybe(attrU8, GRE.TTL, kind.ttl),
      );
    case 'ipip':
    case 'sit':
    case 'ip6tnl':
      return present(
        maybe(raw, IPTUN.LOCAL, kind.local),
        maybe(raw, IPTUN.REMOTE, kind.remote),
        kind.kind === 'ip6tnl' ? attrU8(IPTUN.ENCAP_LIMIT, ENCAP_LIMIT) : attrU8(IPTUN.PMTUDISC, 1),
        // Whatever is inside, IPv4 or IPv6.
        kind.kind === 'ip6tnl' ? attrU8(IPTUN.PROTO, 0) : undefined,
        maybe(attrU8, IPTUN.TOS, kind.tos),
        maybe(attrU8, IPTUN.TTL, kind.ttl),
        maybe(attrU32, IPTUN.LINK, kind.device),
      );
    case 'bond':
      return present(
        attrU8(BOND.MODE, bondModes.indexOf(kind.mode)),
        maybe(attrU32, BOND.MIIMON, kind.miimonMs),
        maybe(attrU8, BOND.XMIT_HASH_POLICY, kind.hash === undefined ? undefined : bondHashPolicies.indexOf(kind.hash)),
      );
    case 'vrf':
      return [attrU32(VRF_TABLE, kind.table)];
    case 'macsec':
      return present(attrBe16(MACSEC.PORT, kind.port), maybe(attrU8, MACSEC.ENCRYPT, flag(kind.encrypt)));
    case 'macvlan':
      return [attrU32(MODE, macvlanModes[kind.mode])];
    case 'ipvlan':
      return [attrU16(MODE, ipvlanModes[kind.mode])];
    default:
      return [];
  }
}
