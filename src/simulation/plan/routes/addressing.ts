/** Addresses of every interface: those the request gives, and chosen ones for the rest. */

import type { Place } from '../issue.ts';
import { addressPlace, type Interface, type Segment } from '../topology.ts';
import {
  bitsOf,
  contains,
  type Family,
  formatAddress,
  formatPrefix,
  type InterfaceAddress,
  networkOf,
  overlap,
  parsePrefix,
  span,
} from './prefix.ts';

/** The addresses of each interface, given ones first. */
export type Addressing = ReadonlyMap<Interface, readonly InterfaceAddress[]>;

/** Chosen networks: 10.0.0.0/24 onwards (or larger), and the unique local fd00::/64 onwards. */
const pools = {
  ipv4: { first: '10.0.0.0', last: '10.255.255.255', prefixLength: 24 },
  ipv6: { first: 'fd00::', last: 'fd00:0:0:ffff::', prefixLength: 64 },
} as const;

export function planAddresses(place: Place, segments: readonly Segment[], families: readonly Family[]): Addressing {
  const given = segments.flatMap(({ interfaces }) => interfaces.flatMap((i) => i.given ?? []));
  const requested = segments.map((segment) => requestedNetworks(segment));
  const taken = [...given.map(networkOf), ...requested.flat()];
  const addressing = new Map<Interface, InterfaceAddress[]>();
  for (const { interfaces } of segments) for (const i of interfaces) addressing.set(i, [...(i.given ?? [])]);
  const used = new Set(given.map(formatAddress));
  const pick = { ipv4: networkPicker('ipv4', taken), ipv6: networkPicker('ipv6', taken) };
  for (const [n, segment] of segments.entries()) {
    for (const family of families) {
      const open = segment.interfaces.filter((i) => i.given === undefined);
      if (open.length === 0) continue;
      const onSegment = segment.interfaces.flatMap((i) => i.given ?? []).filter((a) => a.family === family);
      const network =
        requested[n]?.find((a) => a.family === family) ??
        (onSegment[0] && networkOf(onSegment[0])) ??
        pick[family](segment.interfaces.length);
      if (network) assign(place, segment, open, network, used, addressing);
      else place.fail('over-budget', `no ${family} network is left for ${segment.interfaces.length} interfaces`);
    }
  }
  checkClashes(addressing, segments);
  checkMacs(segments);
  checkMtus(addressing);
  for (const segment of segments) checkSegmentMtus(segment);
  return addressing;
}

function requestedNetworks({ links }: Segment): InterfaceAddress[] {
  return links.flatMap(({ spec, place }) =>
    (['subnet', 'subnet6'] as const).flatMap((key) => {
      const text = spec[key];
      if (text === undefined) return [];
      const network = parsePrefix(text);
      const isOfFamily = network?.family === (key === 'subnet' ? 'ipv4' : 'ipv6');
      if (network && text.includes('/') && isOfFamily && !nobodys.some((range) => overlap(range, network)))
        return [networkOf(network)];
      place
        .at(key)
        .fail('bad-address', `${JSON.stringify(text)} is no ${key === 'subnet' ? 'IPv4' : 'IPv6'} network of hosts`);
      return [];
    }),
  );
}

/** Hands out networks one after another, around those that are taken. */
function networkPicker(family: Family, taken: readonly InterfaceAddress[]) {
  const { first, last, prefixLength } = pools[family];
  let next = parsePrefix(first)?.value ?? 0n;
  const end = parsePrefix(last)?.value ?? 0n;
  return (members: number): InterfaceAddress | undefined => {
    const needed = family === 'ipv4' ? 32 - Math.ceil(Math.log2(members + 3)) : 64;
    const length = Math.min(prefixLength, needed);
    for (;;) {
      const candidate = alignUp({ family, value: next, prefixLength: length });
      if (candidate.value + span(candidate) - 1n > end) return undefined;
      next = candidate.value + span(candidate);
      if (!taken.some((network) => overlap(network, candidate))) return candidate;
    }
  };
}

function alignUp(address: InterfaceAddress): InterfaceAddress {
  const network = networkOf(address);
  return network.value === address.value ? network : { ...network, value: network.value + span(network) };
}

function assign(
  place: Place,
  segment: Segment,
  open: readonly Interface[],
  network: InterfaceAddress,
  used: Set<string>,
  addressing: Map<Interface, InterfaceAddress[]>,
): void {
  // A /31 has no broadcast address (RFC 3021), and IPv6 has none at all; the first number is the network itself.
  const isPair = network.family === 'ipv4' && network.prefixLength === 31;
  const first = isPair ? 0n : 1n;
  const last = span(network) - (network.family === 'ipv4' && !isPair ? 2n : 1n);
  let host = first;
  for (const i of open) {
    const address = () => ({ ...network, value: network.value + host });
    while (host <= last && used.has(formatAddress(address()))) host++;
    if (host > last) {
      const link = segment.links[0];
      (link?.place ?? place).fail(
        'address-clash',
        `${formatPrefix(network)} has no room for ${segment.interfaces.length} interfaces`,
      );
      return;
    }
    addressing.get(i)?.push(address());
    used.add(formatAddress(address()));
  }
}

/** Of a router's interface: the routing table of its own that it is in, if it is in one. */
const vrfOf = ({ name, port: { node } }: Interface): string | undefined =>
  Object.entries(node.spec.devices ?? {}).find(([, spec]) => spec.kind === 'vrf' && spec.members.includes(name))?.[0];

/** Networks that know nothing of each other may have the same addresses: homes behind NATs, VRFs of a router. */
function checkClashes(addressing: Addressing, segments: readonly Segment[]): void {
  const segmentOf = new Map(segments.flatMap((segment) => segment.interfaces.map((i) => [i, segment] as const)));
  const meets = (one: Interface, other: Interface): boolean =>
    segmentOf.get(one) === segmentOf.get(other) || (one.port.node === other.port.node && vrfOf(one) === vrfOf(other));
  const owners = new Map<string, Interface[]>();
  for (const [i, addresses] of addressing) {
    for (const [n, address] of addresses.entries()) {
      const text = formatAddress(address);
      const known = owners.get(text) ?? [];
      const owner = known.find((other) => meets(other, i));
      const at = addressPlace(i, n);
      if (owner) at.fail('address-clash', `${text} belongs to ${owner.port.node.name} ${owner.name} already`);
      owners.set(text, [...known, i]);
      const isGiven = i.given?.includes(address);
      if (isGiven && (address.prefixLength > bitsOf(address.family) || !isHost(address)))
        at.fail('bad-address', `${formatPrefix(address)} is no address of a host`);
    }
  }
}

/** "This" host, loopback and multicast: RFC 6890, RFC 4291. */
const nobodys = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '::/127', 'ff00::/8'].flatMap(
  (text) => parsePrefix(text) ?? [],
);

/** Neither the network's own address nor its broadcast, where it has them. */
function isHost(address: InterfaceAddress): boolean {
  if (nobodys.some((network) => contains(network, address))) return false;
  if (address.family === 'ipv6' || address.prefixLength >= 31) return true;
  const network = networkOf(address);
  return (
    contains(network, address) &&
    address.value !== network.value &&
    address.value !== network.value + span(network) - 1n
  );
}

/** RFC 8200, 5. A host with LKL's object finds that out by itself. */
const leastIpv6Mtu = 1280;

function checkMtus(addressing: Addressing): void {
  for (const [{ port }, addresses] of addressing) {
    if (port.mtu >= leastIpv6Mtu || port.node.spec.hijack !== undefined) continue;
    if (addresses.some(({ family }) => family === 'ipv6'))
      port.mtuPlace.fail(
        'bad-option',
        `IPv6 needs an MTU of ${leastIpv6Mtu}: "families": ["ipv4"] is a network without it`,
      );
  }
}

/** What forwards by IP tells senders of a packet that is too long; a cable and a switch do not. */
function checkSegmentMtus({ interfaces }: Segment): void {
  const most = Math.max(...interfaces.map(({ port }) => port.mtu));
  for (const { port } of interfaces)
    if (port.mtu < most)
      port.mtuPlace.warn(
        `others on its network send packets of up to ${most} bytes: those longer than ${port.mtu} are lost here`,
      );
}

function checkMacs(segments: readonly Segment[]): void {
  for (const { interfaces } of segments) {
    const owners = new Map<string, Interface>();
    for (const i of interfaces) {
      const key = i.port.mac.join(':');
      const owner = owners.get(key);
      if (owner)
        i.port.place
          .at('mac')
          .fail('address-clash', `${owner.port.node.name} ${owner.name} has the same Ethernet address`);
      owners.set(key, i);
    }
  }
}
