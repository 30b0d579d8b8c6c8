/** Types of nft(8): how a value of JSON lies in a register, and what numbers its names stand for. */

import { parseIpv4, parseIpv6, parseMac } from '../../../abi/netlink/inet.ts';
import type { Place } from '../../plan/issue.ts';

export interface DataType {
  readonly name: string;
  /** nft's own number of it, for those who list sets. */
  readonly id: number;
  readonly bytes: number;
  /** In the processor's order, not the network's. */
  readonly hostOrder?: boolean;
  /** A field of bits: values lie so far to the left in the bytes. */
  readonly shift?: number;
  /** Several names make one value. */
  readonly bitmask?: boolean;
  readonly names?: Readonly<Record<string, number>>;
  /** Of texts that are neither a number nor a name. */
  readonly parse?: (text: string, context: NameContext) => Uint8Array | undefined;
}

/** What names of a host stand for. */
export interface NameContext {
  /** ifindex */
  deviceIndex(name: string): number | undefined;
}

const type = (name: string, id: number, bytes: number, more: Partial<DataType> = {}): DataType => ({
  name,
  id,
  bytes,
  ...more,
});

const protocols = {
  icmp: 1,
  igmp: 2,
  ipencap: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  comp: 108,
  ipcomp: 108,
  sctp: 132,
  udplite: 136,
} as const;
/** services(5), of those that rules name most. */
const services = {
  echo: 7,
  discard: 9,
  'ftp-data': 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  http: 80,
  ntp: 123,
  snmp: 161,
  bgp: 179,
  https: 443,
  imaps: 993,
} as const;
const icmpTypes = {
  'echo-reply': 0,
  'destination-unreachable': 3,
  'source-quench': 4,
  redirect: 5,
  'echo-request': 8,
  'router-advertisement': 9,
  'router-solicitation': 10,
  'time-exceeded': 11,
  'parameter-problem': 12,
  'timestamp-request': 13,
  'timestamp-reply': 14,
} as const;
const icmpv6Types = {
  'destination-unreachable': 1,
  'packet-too-big': 2,
  'time-exceeded': 3,
  'parameter-problem': 4,
  'echo-request': 128,
  'echo-reply': 129,
  'mld-listener-query': 130,
  'mld-listener-report': 131,
  'mld-listener-done': 132,
  'nd-router-solicit': 133,
  'nd-router-advert': 134,
  'nd-neighbor-solicit': 135,
  'nd-neighbor-advert': 136,
  'nd-redirect': 137,
  'mld2-listener-report': 143,
} as const;
/** By type of reject: codes of ICMP, of ICMPv6, and those that both have. */
export const rejectCodes = {
  icmp: {
    'net-unreachable': 0,
    'host-unreachable': 1,
    'prot-unreachable': 2,
    'port-unreachable': 3,
    'frag-needed': 4,
    'net-prohibited': 9,
    'host-prohibited': 10,
    'admin-prohibited': 13,
  },
  icmpv6: {
    'no-route': 0,
    'admin-prohibited': 1,
    'addr-unreachable': 3,
    'port-unreachable': 4,
    'policy-fail': 5,
    'reject-route': 6,
  },
  icmpx: { 'no-route': 0, 'port-unreachable': 1, 'host-unreachable': 2, 'admin-prohibited': 3 },
} as const satisfies Record<string, Readonly<Record<string, number>>>;
const dscps: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`cs${n}`, 8 * n])),
  ...Object.fromEntries(
    [1, 2, 3, 4].flatMap((group) => [1, 2, 3].map((drop) => [`af${group}${drop}`, 8 * group + 2 * drop])),
  ),
  be: 0,
  df: 0,
  lephb: 1,
  va: 44,
  ef: 46,
};

const ascii = (text: string, bytes: number): Uint8Array => {
  const padded = new Uint8Array(bytes);
  padded.set(new TextEncoder().encode(text));
  return padded;
};
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

const known = {
  ipv4_addr: type('ipv4_addr', 7, 4, { parse: parseIpv4 }),
  ipv6_addr: type('ipv6_addr', 8, 16, { parse: parseIpv6 }),
  ether_addr: type('ether_addr', 9, 6, { parse: parseMac }),
  ether_type: type('ether_type', 10, 2, {
    names: { ip: 0x0800, arp: 0x0806, vlan: 0x8100, ip6: 0x86dd, '8021q': 0x8100 },
  }),
  inet_proto: type('inet_proto', 12, 1, { names: protocols }),
  inet_service: type('inet_service', 13, 2, { names: services }),
  icmp_type: type('icmp_type', 14, 1, { names: icmpTypes }),
  tcp_flag: type('tcp_flag', 15, 1, {
    bitmask: true,
    names: { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 },
  }),
  mark: type('mark', 19, 4, { hostOrder: true }),
  iface_index: type('iface_index', 20, 4, {
    hostOrder: true,
    parse: (text, { deviceIndex }) => {
      const index = deviceIndex(text);
      return index === undefined ? undefined : u32(index);
    },
  }),
  uid: type('uid', 24, 4, { hostOrder: true }),
  gid: type('gid', 25, 4, { hostOrder: true }),
  ct_state: type('ct_state', 26, 4, {
    hostOrder: true,
    bitmask: true,
    names: { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 },
  }),
  ct_dir: type('ct_dir', 27, 1, { names: { original: 0, reply: 1 } }),
  ct_status: type('ct_status', 28, 4, {
    hostOrder: true,
    bitmask: true,
    names: { expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 16, dnat: 32, dying: 512 },
  }),
  icmpv6_type: type('icmpv6_type', 29, 1, { names: icmpv6Types }),
  pkt_type: type('pkt_type', 31, 1, {
    hostOrder: true,
    names: { host: 0, unicast: 0, broadcast: 1, multicast: 2, other: 3 },
  }),
  icmp_code: type('icmp_code', 32, 1, { names: rejectCodes.icmp }),
  icmpv6_code: type('icmpv6_code', 33, 1, { names: rejectCodes.icmpv6 }),
  dscp: type('dscp', 36, 1, { names: dscps }),
  ecn: type('ecn', 37, 1, { names: { 'not-ect': 0, ect1: 1, ect0: 2, ce: 3 } }),
  ifname: type('ifname', 41, 16, {
    hostOrder: true,
    parse: (text) => (text.length > 0 && text.length < 16 ? ascii(text, 16) : undefined),
  }),
  nf_proto: type('nf_proto', 2, 1, { names: { ipv4: 2, ipv6: 10 } }),
  boolean: type('boolean', 39, 1, { hostOrder: true, names: { exists: 1, missing: 0 } }),
} as const satisfies Record<string, DataType>;

/** Types that sets may name. */
export const dataTypes: Readonly<Record<string, DataType>> = known;
export const typeOf = (name: keyof typeof known): DataType => known[name];
/** A number of so many bytes. */
export const integer = (bytes: number, hostOrder = false): DataType =>
  type('integer', 4, bytes, hostOrder ? { hostOrder } : {});

/** A value of the type in its bytes; what it cannot be is an issue. */
export function readValue(place: Place, json: unknown, wanted: DataType, context: NameContext): Uint8Array | undefined {
  const list = wanted.bitmask ? alternatives(json) : undefined;
  if (list) {
    const values = list.map((one) => readValue(place, one, wanted, context));
    const whole = new Uint8Array(wanted.bytes);
    for (const value of values) for (const [i, byte] of (value ?? []).entries()) whole[i] = (whole[i] ?? 0) | byte;
    return values.includes(undefined) ? undefined : whole;
  }
  if (typeof json === 'boolean') return fromNumber(place, json ? 1 : 0, wanted);
  if (typeof json === 'number') return fromNumber(place, json, wanted);
  if (typeof json === 'string') {
    const { names = {} } = wanted;
    if (Object.hasOwn(names, json)) return fromNumber(place, names[json] ?? 0, wanted);
    const parsed = wanted.parse?.(json, context);
    if (parsed) return parsed;
    if (/^(0x[0-9a-f]+|\d+)$/i.test(json) && !['ifname', 'ipv4_addr', 'ipv6_addr'].includes(wanted.name))
      return fromNumber(place, Number(json), wanted);
  }
  const names = Object.keys(wanted.names ?? {});
  return place.fail(
    'bad-option',
    `${JSON.stringify(json)} is no ${wanted.name}${names.length ? `: a number, or one of ${names.join(', ')}` : ''}`,
  );
}

/** ["syn", "ack"], or { "|": ["syn", "ack"] }, however deep. */
function alternatives(json: unknown): readonly unknown[] | undefined {
  if (Array.isArray(json)) return json;
  if (typeof json !== 'object' || json === null || Object.keys(json).join() !== '|') return undefined;
  const { '|': both } = json as { '|': unknown };
  return Array.isArray(both) ? both : undefined;
}

function fromNumber(
  place: Place,
  value: number,
  { name, bytes, hostOrder, shift = 0 }: DataType,
): Uint8Array | undefined {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** Math.min(48, 8 * bytes - shift))
    return place.fail('bad-option', `${value} is no ${name} of ${8 * bytes - shift} bits`);
  const whole = toBytes(BigInt(value) << BigInt(shift), bytes);
  return hostOrder ? whole.reverse() : whole;
}

/** In network order. */
export const toBytes = (value: bigint, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * (bytes - 1 - i))) & 0xffn));
export const toNumber = (bytes: Uint8Array): bigint => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
