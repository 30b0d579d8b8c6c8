/** Which packets a class is for, in the words of tc-flower(8) made short: refused where tc refuses, for IPv4 and IPv6 alike. */

import { IPPROTO } from '../../../abi/netlink/constants.ts';
import type { FlowerKeys } from '../../../abi/netlink/tc/tc.ts';
import type { Place } from '../../plan/issue.ts';
import { type Family, type InterfaceAddress, parsePrefix, toBytes } from '../../plan/routes/prefix.ts';
import { readDscp } from '../../plan/words.ts';

/** Which families a protocol is carried by. */
const protocols: Readonly<Record<string, { readonly number: number; readonly families: readonly Family[] }>> = {
  tcp: { number: IPPROTO.TCP, families: ['ipv4', 'ipv6'] },
  udp: { number: IPPROTO.UDP, families: ['ipv4', 'ipv6'] },
  icmp: { number: IPPROTO.ICMP, families: ['ipv4'] },
  icmpv6: { number: IPPROTO.ICMPV6, families: ['ipv6'] },
};
const words = ['protocol', 'src', 'dst', 'sport', 'dport', 'dscp'] as const;
/** The byte's other two bits are ECN's. */
const DSCP_MASK = 0xfc;
type Word = (typeof words)[number];

/** Keys for each family that it may mean; packets of one family cannot be told from the other's by one filter. */
export function planMatch(place: Place, value: unknown): readonly FlowerKeys[] {
  const match = place.members(value, 'match', words);
  if (!match) return [];
  if (Object.values(match).every((given) => given === undefined)) {
    place.fail('bad-option', `a match names what it matches: ${words.join(', ')}`);
    return [];
  }
  const protocol = readProtocol(place.at('protocol'), match.protocol);
  const [source, destination] = (['src', 'dst'] as const).map((key) => readAddress(place.at(key), match[key]));
  const [sourcePort, destinationPort] = (['sport', 'dport'] as const).map((key) => readPort(place.at(key), match[key]));
  const dscp = readDscp(place.at('dscp'), match.dscp);
  for (const key of ['sport', 'dport'] as const)
    if (match[key] !== undefined && match.protocol !== 'tcp' && match.protocol !== 'udp')
      place.at(key).fail('bad-option', `a port is TCP's or UDP's: name the protocol beside it`);
  if (source && destination && source.family !== destination.family)
    place.fail('bad-option', 'src and dst are of one family');
  const family = (source ?? destination)?.family;
  const families = (protocol?.families ?? ['ipv4', 'ipv6']).filter((one) => family === undefined || one === family);
  if (families.length === 0) place.fail('bad-option', `${match.protocol} has no such addresses`);
  return families.map((one) => ({
    family: one,
    ...(source && { source: mask(source) }),
    ...(destination && { destination: mask(destination) }),
    ...(protocol && { protocol: protocol.number }),
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
    ...(dscp !== undefined && { tos: { value: dscp << 2, mask: DSCP_MASK } }),
  }));
}

function readProtocol(place: Place, value: unknown) {
  if (value === undefined) return undefined;
  const known = typeof value === 'string' && Object.hasOwn(protocols, value) ? protocols[value] : undefined;
  return known ?? place.fail('bad-option', `a protocol is ${Object.keys(protocols).join(', ')}`);
}

function readAddress(place: Place, value: unknown): InterfaceAddress | undefined {
  if (value === undefined) return undefined;
  const address = typeof value === 'string' ? parsePrefix(value) : undefined;
  return address ?? place.fail('bad-address', `${JSON.stringify(value)} is neither an address nor a network`);
}

function readPort(place: Place, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535) return Number(value);
  return place.fail('bad-option', `${JSON.stringify(value)} is no port: a number from 0 to 65535`);
}

const mask = (address: InterfaceAddress) => ({ address: toBytes(address), prefixLength: address.prefixLength });

export type { Word as MatchWord };
