/** The devices a host makes itself, planned: names found, ends of tunnels addressed, numbers read. */

import { parseMac } from '../../abi/netlink/inet.ts';
import type { StackedKind } from '../../abi/netlink/links/link-kinds.ts';
import { numberDevicesOf } from '../links/device-numbers.ts';
import type { DeviceSpec, MacsecSpec, WireguardSpec } from '../plan/device-spec.ts';
import type { Place } from '../plan/issue.ts';
import type { Addressing } from '../plan/routes/addressing.ts';
import { type Family, formatAddress, type InterfaceAddress, parsePrefix, toBytes } from '../plan/routes/prefix.ts';
import type { Node } from '../plan/topology.ts';
import { readTime } from '../plan/words.ts';
import { type DeviceContext, findDevice, findEnd, readPort } from './context.ts';
import { type MacsecPlan, planMacsec } from './plan-macsec.ts';
import { planWireguard, type WireguardPlan } from './plan-wireguard.ts';

export interface DevicePlan {
  readonly place: Place;
  readonly name: string;
  readonly index: number;
  readonly kind: StackedKind;
  readonly addresses: readonly InterfaceAddress[];
  readonly mtu?: number;
  readonly mac?: Uint8Array;
  /** ifindexes of those that are part of it. */
  readonly members: readonly number[];
  readonly wireguard?: WireguardPlan;
  readonly macsec?: MacsecPlan;
}

export function planDevices(context: DeviceContext): DevicePlan[] {
  const { node } = context;
  const names = new Set<string>();
  const taken = new Map<string, string>();
  const plans = Object.entries(node.spec.devices ?? {}).flatMap(([name, spec]) => {
    const place = node.place.at('devices').at(name);
    if (!/^[A-Za-z0-9][\w.-]{0,14}$/.test(name))
      place.fail('bad-name', `${JSON.stringify(name)} is no name of a device`);
    if (name === 'lo' || numberDevicesOf(node).isLinkEnd(name)) place.fail('duplicate', `${name} is there already`);
    names.add(name);
    return planDevice(place, name, spec, context) ?? [];
  });
  for (const { name, place, members, kind } of plans)
    for (const member of kind.kind === 'vrf' || kind.kind === 'bond' || kind.kind === 'bridge' ? members : []) {
      const owner = taken.get(String(member));
      if (owner !== undefined) place.at('members').fail('duplicate', `one of them is part of ${owner} already`);
      taken.set(String(member), name);
    }
  return plans;
}

function planDevice(place: Place, name: string, spec: DeviceSpec, context: DeviceContext): DevicePlan | undefined {
  const index = numberDevicesOf(context.node).ofDevice.get(name) ?? 0;
  const kind = planKind(place, spec, context);
  const mac = spec.mac === undefined ? undefined : parseMac(spec.mac);
  if (spec.mac !== undefined && (!mac || (mac[0] ?? 0) & 1))
    place.at('mac').fail('bad-address', `${spec.mac} is no Ethernet address of a device`);
  if (spec.mtu !== undefined && !(Number.isInteger(spec.mtu) && spec.mtu >= 68 && spec.mtu <= 65_535))
    place.at('mtu').fail('bad-option', `${spec.mtu} is no MTU: 68 to 65535`);
  const addresses = readAddresses(place, spec);
  const members =
    'members' in spec ? spec.members.map((member, i) => findDevice(place.at('members').at(i), member, context)) : [];
  if ('members' in spec && spec.members.includes(name))
    place.at('members').fail('bad-option', 'it is no part of itself');
  if (spec.kind === 'bond' || spec.kind === 'bridge') warnOfAddresses(place, spec.members, context);
  if (!kind) return undefined;
  return {
    place,
    name,
    index,
    kind,
    addresses,
    ...(spec.mtu !== undefined && { mtu: spec.mtu }),
    ...(mac && { mac }),
    members: members.flatMap((member) => member ?? []),
    ...(spec.kind === 'wireguard' && { wireguard: planWireguard(place, spec as WireguardSpec, context) }),
    ...(spec.kind === 'macsec' && { macsec: planMacsec(place, spec as MacsecSpec, context) }),
  };
}

/** What is part of a bond or a bridge is no interface of its own any more. */
function warnOfAddresses(place: Place, members: readonly string[], { node, addressing }: DeviceContext): void {
  for (const { name } of node.ports
    .flatMap((port) => port.interfaces)
    .filter((i) => members.includes(i.name) && addressing.get(i)?.length))
    place
      .at('members')
      .warn(`${name} keeps an address of its own: "addresses": [] of interfaces.${name} leaves it without`);
}

function readAddresses(place: Place, { addresses = [] }: DeviceSpec): InterfaceAddress[] {
  return addresses.flatMap((text, i) => {
    const address = parsePrefix(text);
    if (address && text.includes('/')) return [address];
    place
      .at('addresses')
      .at(i)
      .fail('bad-address', `${JSON.stringify(text)} is no address with a prefix length`);
    return [];
  });
}

interface Ends {
  readonly remote: Uint8Array;
  readonly local?: Uint8Array;
  readonly ttl?: number;
  readonly tos?: number;
  readonly device?: number;
}

/** Kinds that go over one family alone: of a node that has both it is meant. */
const carriers: Readonly<Record<string, Family>> = { ipip: 'ipv4', sit: 'ipv4', ip6tnl: 'ipv6' };

function planEnds(
  place: Place,
  spec: {
    readonly kind?: string;
    readonly remote: string;
    readonly local?: string;
    readonly ttl?: number;
    readonly tos?: number;
    readonly dev?: string;
  },
  context: DeviceContext,
): Ends | undefined {
  const remote = findEnd(place.at('remote'), spec.remote, context, carriers[spec.kind ?? '']);
  // Over IPv6 Linux does not choose one that is on the way.
  const chosen = remote?.family === 'ipv6' ? context.source(remote) : undefined;
  const local = spec.local === undefined ? chosen : readAddress(place.at('local'), spec.local);
  if (remote && local && remote.family !== local.family)
    return place.at('local').fail('bad-option', 'both ends are of one family');
  const device = spec.dev === undefined ? undefined : findDevice(place.at('dev'), spec.dev, context);
  for (const key of ['ttl', 'tos'] as const)
    if (spec[key] !== undefined && !(Number.isInteger(spec[key]) && spec[key] >= 0 && spec[key] <= 255))
      place.at(key).fail('bad-option', `${spec[key]} is no ${key}: 0 to 255`);
  return (
    remote && {
      remote: toBytes(remote),
      ...(local && { local: toBytes(local) }),
      ...(spec.ttl !== undefined && { ttl: spec.ttl }),
      ...(spec.tos !== undefined && { tos: spec.tos }),
      ...(device !== undefined && { device }),
    }
  );
}

function readAddress(place: Place, text: string): InterfaceAddress | undefined {
  const address = text.includes('/') ? undefined : parsePrefix(text);
  return address ?? place.fail('bad-address', `${JSON.stringify(text)} is no address`);
}

const VXLAN_IDS = 2 ** 24;

function readId(place: Place, id: number): number {
  if (!Number.isInteger(id) || id < 0 || id >= VXLAN_IDS)
    place.at('id').fail('bad-option', `${id} is no identifier: 0 to ${VXLAN_IDS - 1}`);
  return id;
}
function planKind(place: Place, spec: DeviceSpec, context: DeviceContext): StackedKind | undefined {
  switch (spec.kind) {
    case 'vxlan': {
      const ends = planEnds(place, spec, context);
      return (
        ends && {
          kind: 'vxlan',
          ...ends,
          id: readId(place, spec.id),
          port: readPort(place, spec.port, 4789),
          learning: spec.learning ?? true,
        }
      );
    }
    case 'geneve': {
      const ends = planEnds(place, spec, context);
      return ends && { kind: 'geneve', ...ends, id: readId(place, spec.id), port: readPort(place, spec.port, 6081) };
    }
    case 'gre':
    case 'gretap': {
      const ends = planEnds(place, spec, context);
      if (spec.key !== undefined && !(Number.isInteger(spec.key) && spec.key >= 0 && spec.key < 2 ** 32))
        place.at('key').fail('bad-option', `${spec.key} is no key of 32 bits`);
      const kind = ends?.remote.length === 16 ? (`ip6${spec.kind}` as const) : spec.kind;
      return (
        ends && {
          kind,
          ...ends,
          ttl: ends.ttl ?? (kind === spec.kind ? 0 : 64),
          ...(spec.key !== undefined && { key: spec.key }),
        }
      );
    }
    case 'ipip':
    case 'sit':
    case 'ip6tnl': {
      const ends = planEnds(place, spec, context);
      const isIpv6 = ends?.remote.length === 16;
      if (ends && isIpv6 !== (spec.kind === 'ip6tnl'))
        return place
          .at('remote')
          .fail(
            'bad-option',
            `${spec.kind} goes over ${isIpv6 ? 'IPv4: ip6tnl is for IPv6' : 'IPv6: ipip and sit are for IPv4'}`,
          );
      return ends && { kind: spec.kind, ...ends, ...(isIpv6 && { ttl: ends.ttl ?? 64 }) };
    }
    case 'wireguard':
    case 'dummy':
      return { kind: spec.kind };
    case 'bond': {
      const miimon = readTime(place.at('miimon'), spec.miimon);
      return {
        kind: 'bond',
        mode: spec.mode ?? 'balance-rr',
        miimonMs: miimon === undefined ? 100 : Math.max(1, Math.round(miimon / 1e6)),
        ...(spec.hash !== undefined && { hash: spec.hash }),
      };
    }
    case 'vrf':
      if (
        !Number.isInteger(spec.table) ||
        spec.table < 1 ||
        spec.table > 0xffff_ffff ||
        [253, 254, 255].includes(spec.table)
      )
        place
          .at('table')
          .fail('bad-option', `${spec.table} is no table of its own: a number from 1 on, not 253 to 255`);
      return { kind: 'vrf', table: spec.table };
    case 'bridge':
      return { kind: 'bridge', stp: spec.stp ?? false, snooping: spec.snooping ?? false };
    case 'macsec': {
      const link = findDevice(place.at('dev'), spec.dev, context);
      return link === undefined ? undefined : { kind: 'macsec', link, port: 1, encrypt: spec.encrypt ?? true };
    }
    case 'macvlan': {
      const link = findDevice(place.at('dev'), spec.dev, context);
      return link === undefined ? undefined : { kind: 'macvlan', link, mode: spec.mode ?? 'bridge' };
    }
    case 'ipvlan': {
      const link = findDevice(place.at('dev'), spec.dev, context);
      return link === undefined ? undefined : { kind: 'ipvlan', link, mode: spec.mode ?? 'l2' };
    }
    case 'vlan': {
      const link = findDevice(place.at('dev'), spec.dev, context);
      if (!Number.isInteger(spec.id) || spec.id < 1 || spec.id > 4094)
        place.at('id').fail('bad-option', `${spec.id} is no VLAN: 1 to 4094`);
      return link === undefined ? undefined : { kind: 'vlan', link, id: spec.id };
    }
  }
}

/** Two devices with one address could not tell their packets apart. */
export function checkDeviceAddresses(plans: ReadonlyMap<Node, readonly DevicePlan[]>, addressing: Addressing): void {
  const owners = new Map<string, string>();
  for (const [{ port, name }, addresses] of addressing)
    for (const address of addresses) owners.set(formatAddress(address), `${port.node.name} ${name}`);
  for (const [node, devices] of plans)
    for (const { name, place, addresses } of devices)
      for (const [i, address] of addresses.entries()) {
        const text = formatAddress(address);
        const owner = owners.get(text);
        if (owner !== undefined)
          place.at('addresses').at(i).fail('address-clash', `${text} belongs to ${owner} already`);
        owners.set(text, `${node.name} ${name}`);
      }
}

/** Addresses that the devices of a node have, by name: what flows may go to. */
export const deviceAddresses = ({
  spec,
}: Node): readonly { readonly name: string; readonly address: InterfaceAddress }[] =>
  Object.entries(spec.devices ?? {}).flatMap(([name, { addresses = [] }]) =>
    addresses.flatMap((text) => {
      const address = parsePrefix(text);
      return address ? [{ name, address }] : [];
    }),
  );
