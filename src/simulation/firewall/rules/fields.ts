/** What rules can look at: fields of headers, and keys of meta, ct and rt, as nft(8) names them. */

import type { PayloadBase } from '../../../abi/netlink/nftables/constants.ts';
import { type DataType, integer, typeOf } from './data-types.ts';

/** A field: where it begins and how long it is, both in bits. */
export interface Field {
  readonly bit: number;
  readonly bits: number;
  readonly type: DataType;
}
/** A header; `needs` is what must be known of a packet before its bytes mean that. */
export interface Header {
  readonly base: PayloadBase;
  readonly needs?: 'ip' | 'ip6' | 'arp' | 'vlan' | number;
  /** Of which family of IP it must be besides. */
  readonly within?: 'ip' | 'ip6';
  readonly fields: Readonly<Record<string, Field>>;
}

const field = (bit: number, bits: number, type: DataType = integer(Math.ceil(bits / 8))): Field => ({
  bit,
  bits,
  type,
});
const address = { ip: typeOf('ipv4_addr'), ip6: typeOf('ipv6_addr'), ether: typeOf('ether_addr') };
const port = typeOf('inet_service');
const protocol = typeOf('inet_proto');
const ports = { sport: field(0, 16, port), dport: field(16, 16, port) };
const echo = { id: field(32, 16), sequence: field(48, 16) };

export const headers: Readonly<Record<string, Header>> = {
  ether: {
    base: 'll',
    fields: {
      daddr: field(0, 48, address.ether),
      saddr: field(48, 48, address.ether),
      type: field(96, 16, typeOf('ether_type')),
    },
  },
  vlan: {
    base: 'll',
    needs: 'vlan',
    fields: { pcp: field(112, 3), dei: field(115, 1), id: field(116, 12), type: field(128, 16, typeOf('ether_type')) },
  },
  arp: {
    base: 'nh',
    needs: 'arp',
    fields: {
      htype: field(0, 16),
      ptype: field(16, 16, typeOf('ether_type')),
      hlen: field(32, 8),
      plen: field(40, 8),
      operation: field(48, 16, { ...integer(2), names: { request: 1, reply: 2 } }),
      'saddr ether': field(64, 48, address.ether),
      'saddr ip': field(112, 32, address.ip),
      'daddr ether': field(144, 48, address.ether),
      'daddr ip': field(192, 32, address.ip),
    },
  },
  ip: {
    base: 'nh',
    needs: 'ip',
    fields: {
      version: field(0, 4),
      hdrlength: field(4, 4),
      dscp: field(8, 6, typeOf('dscp')),
      ecn: field(14, 2, typeOf('ecn')),
      length: field(16, 16),
      id: field(32, 16),
      'frag-off': field(48, 16),
      ttl: field(64, 8),
      protocol: field(72, 8, protocol),
      checksum: field(80, 16),
      saddr: field(96, 32, address.ip),
      daddr: field(128, 32, address.ip),
    },
  },
  ip6: {
    base: 'nh',
    needs: 'ip6',
    fields: {
      version: field(0, 4),
      dscp: field(4, 6, typeOf('dscp')),
      ecn: field(10, 2, typeOf('ecn')),
      flowlabel: field(12, 20),
      length: field(32, 16),
      nexthdr: field(48, 8, protocol),
      hoplimit: field(56, 8),
      saddr: field(64, 128, address.ip6),
      daddr: field(192, 128, address.ip6),
    },
  },
  tcp: {
    base: 'th',
    needs: 6,
    fields: {
      ...ports,
      sequence: field(32, 32),
      ackseq: field(64, 32),
      doff: field(96, 4),
      flags: field(104, 8, typeOf('tcp_flag')),
      window: field(112, 16),
      checksum: field(128, 16),
      urgptr: field(144, 16),
    },
  },
  udp: { base: 'th', needs: 17, fields: { ...ports, length: field(32, 16), checksum: field(48, 16) } },
  udplite: { base: 'th', needs: 136, fields: { ...ports, checksum: field(48, 16) } },
  sctp: { base: 'th', needs: 132, fields: { ...ports, vtag: field(32, 32), checksum: field(64, 32) } },
  dccp: { base: 'th', needs: 33, fields: { ...ports, type: field(67, 4) } },
  /** Of whatever transport it is. */
  th: { base: 'th', fields: ports },
  icmp: {
    base: 'th',
    needs: 1,
    within: 'ip',
    fields: {
      type: field(0, 8, typeOf('icmp_type')),
      code: field(8, 8, typeOf('icmp_code')),
      checksum: field(16, 16),
      ...echo,
      gateway: field(32, 32),
      mtu: field(48, 16),
    },
  },
  icmpv6: {
    base: 'th',
    needs: 58,
    within: 'ip6',
    fields: {
      type: field(0, 8, typeOf('icmpv6_type')),
      code: field(8, 8, typeOf('icmpv6_code')),
      checksum: field(16, 16),
      ...echo,
      'packet-too-big': field(32, 32),
      'parameter-problem': field(32, 32),
      'max-delay': field(32, 16),
    },
  },
  igmp: {
    base: 'th',
    needs: 2,
    fields: { type: field(0, 8), mrt: field(8, 8), checksum: field(16, 16), group: field(32, 32, address.ip) },
  },
  esp: { base: 'th', needs: 50, fields: { spi: field(0, 32), sequence: field(32, 32) } },
};

/** A key, and whether rules can set it too. */
export interface Key {
  readonly key: number;
  readonly type: DataType;
  readonly settable?: true;
}
const key = (number: number, type: DataType, settable?: true): Key => ({
  key: number,
  type,
  ...(settable && { settable }),
});

export const metaKeys: Readonly<Record<string, Key>> = {
  length: key(0, integer(4, true)),
  protocol: key(1, typeOf('ether_type')),
  priority: key(2, { ...integer(4, true), parse: parseHandle }, true),
  mark: key(3, typeOf('mark'), true),
  iif: key(4, typeOf('iface_index')),
  oif: key(5, typeOf('iface_index')),
  iifname: key(6, typeOf('ifname')),
  oifname: key(7, typeOf('ifname')),
  skuid: key(10, typeOf('uid')),
  skgid: key(11, typeOf('gid')),
  nftrace: key(12, integer(1), true),
  nfproto: key(15, typeOf('nf_proto')),
  l4proto: key(16, protocol),
  ibrname: key(17, typeOf('ifname')),
  obrname: key(18, typeOf('ifname')),
  pkttype: key(19, typeOf('pkt_type'), true),
  random: key(24, integer(4)),
};

/** "1:10" of tc(8), as skb priorities are. */
function parseHandle(text: string): Uint8Array | undefined {
  const [, major, minor] = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return new Uint8Array(Uint32Array.of(Number.parseInt(major, 16) * 65_536 + Number.parseInt(minor, 16)).buffer);
}

/** Keys of connection tracking; a `direction` must be said, can be said, or has no meaning. */
export const ctKeys: Readonly<Record<string, Key & { readonly direction?: 'must' | 'may' }>> = {
  state: key(0, typeOf('ct_state')),
  direction: key(1, typeOf('ct_dir')),
  status: key(2, typeOf('ct_status')),
  mark: key(3, typeOf('mark'), true),
  expiration: key(5, integer(4, true)),
  l3proto: key(7, typeOf('nf_proto')),
  protocol: { ...key(10, protocol), direction: 'may' },
  'proto-src': { ...key(11, port), direction: 'must' },
  'proto-dst': { ...key(12, port), direction: 'must' },
  packets: { ...key(14, integer(8, true)), direction: 'may' },
  bytes: { ...key(15, integer(8, true)), direction: 'may' },
  avgpkt: { ...key(16, integer(8, true)), direction: 'may' },
  zone: { ...key(17, integer(2, true)), direction: 'may', settable: true },
  'ip saddr': { ...key(19, address.ip), direction: 'must' },
  'ip daddr': { ...key(20, address.ip), direction: 'must' },
  'ip6 saddr': { ...key(21, address.ip6), direction: 'must' },
  'ip6 daddr': { ...key(22, address.ip6), direction: 'must' },
  id: key(23, integer(4)),
};

export const rtKeys: Readonly<Record<string, Key>> = {
  classid: key(0, integer(4, true)),
  'ip nexthop': key(1, address.ip),
  'ip6 nexthop': key(2, address.ip6),
  mtu: key(3, integer(2, true)),
};

/** TCP options: their kinds, and fields in bytes. */
export const tcpOptions: Readonly<
  Record<
    string,
    { readonly kind: number; readonly fields: Readonly<Record<string, readonly [offset: number, length: number]>> }
  >
> = {
  maxseg: { kind: 2, fields: { size: [2, 2] } },
  window: { kind: 3, fields: { count: [2, 1] } },
  'sack-perm': { kind: 4, fields: {} },
  sack: { kind: 5, fields: { left: [2, 4], right: [6, 4] } },
  timestamp: { kind: 8, fields: { tsval: [2, 4], tsecr: [6, 4] } },
  mptcp: { kind: 30, fields: {} },
  fastopen: { kind: 34, fields: {} },
};
