/** RTM_*ADDR, RTM_*ROUTE, RTM_*RULE and RTM_*NEIGH: the addresses, routes and neighbours of a namespace. */

import { Struct, u8, u16, u32 } from '../struct.ts';
import { decode, encode, s32 } from './codecs.ts';
import {
  AF,
  FR_ACT_TO_TBL,
  FRA,
  IFA,
  IFA_F,
  NDA,
  NLM_F,
  NTF,
  NUD,
  RT_SCOPE,
  RT_TABLE,
  RTA,
  RTAX,
  RTM,
  RTN,
  RTPROT,
} from './constants.ts';
import { formatIp, formatMac } from './inet.ts';
import {
  asString,
  asU32,
  attrU16,
  attrU32,
  concat,
  dump,
  maybe,
  type NetlinkRequest,
  nested,
  parseAttributes,
  present,
  raw,
  request,
  string,
} from './message.ts';

/** The family of an address of 4 or 16 bytes. */
export const familyOf = (address: Uint8Array): number => (address.length === 4 ? AF.INET : AF.INET6);

const ifaddrmsg = Struct({ family: u8, prefixLength: u8, flags: u8, scope: u8, index: u32 });

/** Give a device an address. IPv6 without duplicate address detection unless `dad`: the address works at once. */
export function newAddress(
  index: number,
  address: Uint8Array,
  prefixLength: number,
  { dad = false } = {},
): NetlinkRequest {
  const family = familyOf(address);
  const broadcast = family === AF.INET && prefixLength < 31 ? broadcastOf(address, prefixLength) : undefined;
  const flags = family === AF.INET6 && !dad ? IFA_F.NODAD : 0;
  return request(
    RTM.NEWADDR,
    NLM_F.CREATE | NLM_F.REPLACE,
    encode(ifaddrmsg, { family, prefixLength, index, flags }),
    present(raw(IFA.LOCAL, address), raw(IFA.ADDRESS, address), maybe(raw, IFA.BROADCAST, broadcast)),
  );
}

/** Take an address from a device. */
export const deleteAddress = (index: number, address: Uint8Array, prefixLength: number): NetlinkRequest =>
  request(RTM.DELADDR, 0, encode(ifaddrmsg, { family: familyOf(address), prefixLength, index }), [
    raw(IFA.LOCAL, address),
    raw(IFA.ADDRESS, address),
  ]);

function broadcastOf(address: Uint8Array, prefixLength: number): Uint8Array {
  return address.map((byte, i) => byte | (0xff >>> Math.min(8, Math.max(0, prefixLength - 8 * i))));
}

export const dumpAddresses = (family: number = AF.UNSPEC): NetlinkRequest =>
  dump(RTM.GETADDR, encode(ifaddrmsg, { family }));

export interface Address {
  readonly index: number;
  readonly address: string;
  readonly prefixLength: number;
  readonly scope: number;
  readonly flags: number;
  readonly label?: string;
}

export function parseAddress(payload: Uint8Array): Address {
  const { index, prefixLength, scope, flags } = decode(ifaddrmsg, payload);
  const attributes = parseAttributes(payload.subarray(ifaddrmsg.size));
  const address = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS) ?? new Uint8Array(4);
  const label = attributes.get(IFA.LABEL);
  const wideFlags = attributes.get(IFA.FLAGS);
  return {
    index,
    address: formatIp(address),
    prefixLength,
    scope,
    flags: wideFlags ? asU32(wideFlags) : flags,
    ...(label && { label: asString(label) }),
  };
}

const rtmsg = Struct({
  family: u8,
  destinationLength: u8,
  sourceLength: u8,
  tos: u8,
  table: u8,
  protocol: u8,
  scope: u8,
  type: u8,
  flags: u32,
});

/** One route: to a prefix (the default when left out), by a gateway or straight out of a device. */
export interface RouteSpec {
  readonly family: number;
  readonly destination?: { readonly address: Uint8Array; readonly prefixLength: number };
  readonly gateway?: Uint8Array;
  /** ifindex. */
  readonly device?: number;
  /** Several ways at once, each with a share of the flows. */
  readonly nexthops?: readonly { readonly gateway?: Uint8Array; readonly device?: number; readonly weight: number }[];
  readonly metric?: number;
  readonly table?: number;
  readonly type?: keyof typeof routeTypes;
  readonly mtu?: number;
  readonly initcwnd?: number;
}

const routeTypes = {
  unicast: RTN.UNICAST,
  local: RTN.LOCAL,
  blackhole: RTN.BLACKHOLE,
  unreachable: RTN.UNREACHABLE,
  prohibit: RTN.PROHIBIT,
} as const;

/** "ip route replace" */
export const newRoute = (route: RouteSpec): NetlinkRequest =>
  routeRequest(RTM.NEWROUTE, NLM_F.CREATE | NLM_F.REPLACE, route);
/** "ip route del": the first route that has all of this. */
export const deleteRoute = (route: RouteSpec): NetlinkRequest => routeRequest(RTM.DELROUTE, 0, route);

function scopeOf(type: number, onLink: boolean): number {
  if (type === RTN.LOCAL) return RT_SCOPE.HOST;
  return onLink ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE;
}

function routeRequest(message: number, flags: number, route: RouteSpec): NetlinkRequest {
  const type = routeTypes[route.type ?? 'unicast'];
  const onLink =
    route.family === AF.INET && type === RTN.UNICAST && route.gateway === undefined && route.nexthops === undefined;
  const table = route.table ?? RT_TABLE.MAIN;
  const body = encode(rtmsg, {
    family: route.family,
    destinationLength: route.destination?.prefixLength ?? 0,
    table: Math.min(table, 255),
    protocol: RTPROT.BOOT,
    scope: message === RTM.DELROUTE ? RT_SCOPE.NOWHERE : scopeOf(type, onLink),
    type,
  });
  const metrics = present(maybe(attrU32, RTAX.MTU, route.mtu), maybe(attrU32, RTAX.INITCWND, route.initcwnd));
  return request(
    message,
    flags,
    body,
    present(
      maybe(raw, RTA.DST, route.destination?.address),
      maybe(raw, RTA.GATEWAY, route.gateway),
      maybe(attrU32, RTA.OIF, route.device),
      route.nexthops && raw(RTA.MULTIPATH, concat(route.nexthops.map(nexthop))),
      maybe(attrU32, RTA.PRIORITY, route.metric),
      table > 255 ? attrU32(RTA.TABLE, table) : undefined,
      metrics.length ? nested(RTA.METRICS, metrics) : undefined,
    ),
  );
}

const rtnexthop = Struct({ len: u16, flags: u8, hops: u8, index: s32 });

function nexthop({ gateway, device, weight }: NonNullable<RouteSpec['nexthops']>[number]): Uint8Array {
  const attributes = present(maybe(raw, RTA.GATEWAY, gateway));
  const len = rtnexthop.size + attributes.reduce((sum, { length }) => sum + length, 0);
  return concat([encode(rtnexthop, { len, hops: weight - 1, index: device ?? 0 }), ...attributes]);
}

function parseNexthops(bytes: Uint8Array): NonNullable<Route['nexthops']> {
  const found: { gateway?: string; device: number; weight: number }[] = [];
  for (let at = 0; at + rtnexthop.size <= bytes.length; ) {
    const { len, hops, index } = decode(rtnexthop, bytes.subarray(at));
    if (len < rtnexthop.size) break;
    const gateway = parseAttributes(bytes.subarray(at + rtnexthop.size, at + len)).get(RTA.GATEWAY);
    found.push({ device: index, weight: hops + 1, ...(gateway && { gateway: formatIp(gateway) }) });
    at += (len + 3) & ~3;
  }
  return found;
}

export const dumpRoutes = (family: number): NetlinkRequest => dump(RTM.GETROUTE, encode(rtmsg, { family }));

export interface Route {
  readonly family: number;
  /** "default" or prefix/length. */
  readonly destination: string;
  readonly gateway?: string;
  readonly device?: number;
  readonly nexthops?: readonly { readonly gateway?: string; readonly device: number; readonly weight: number }[];
  readonly metric?: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly source?: string;
  readonly mtu?: number;
  readonly initcwnd?: number;
}

export function parseRoute(payload: Uint8Array): Route {
  const { family, destinationLength, table, protocol, scope, type } = decode(rtmsg, payload);
  const attributes = parseAttributes(payload.subarray(rtmsg.size));
  const ip = (which: number) => {
    const value = attributes.get(which);
    return value && formatIp(value);
  };
  const metrics = parseAttributes(attributes.get(RTA.METRICS) ?? new Uint8Array());
  const number = (which: number, among = attributes) => {
    const value = among.get(which);
    return value && asU32(value);
  };
  const destination = ip(RTA.DST);
  const gateway = ip(RTA.GATEWAY);
  const device = number(RTA.OIF);
  const metric = number(RTA.PRIORITY);
  const source = ip(RTA.PREFSRC);
  const multipath = attributes.get(RTA.MULTIPATH);
  const mtu = number(RTAX.MTU, metrics);
  const initcwnd = number(RTAX.INITCWND, metrics);
  return {
    family,
    destination: destination === undefined ? 'default' : `${destination}/${destinationLength}`,
    ...(gateway !== undefined && { gateway }),
    ...(device !== undefined && { device }),
    ...(multipath && { nexthops: parseNexthops(multipath) }),
    ...(metric !== undefined && { metric }),
    table: number(RTA.TABLE) ?? table,
    protocol,
    scope,
    type,
    ...(source !== undefined && { source }),
    ...(mtu !== undefined && { mtu }),
    ...(initcwnd !== undefined && { initcwnd }),
  };
}

/** Which packets a rule of ip-rule(8) sends to another table; all of it must be so. */
export interface RuleSpec {
  readonly family: number;
  readonly from?: { readonly address: Uint8Array; readonly prefixLength: number };
  readonly fwmark?: number;
  /** Where they came in. */
  readonly iif?: string;
  readonly table: number;
  readonly priority?: number;
}

/** "from `address` lookup `table`" */
export const newSourceRule = (address: Uint8Array, table: number): NetlinkRequest =>
  newRule({ family: familyOf(address), from: { address, prefixLength: address.length * 8 }, table });
export const newRule = (rule: RuleSpec): NetlinkRequest => ruleRequest(RTM.NEWRULE, NLM_F.CREATE | NLM_F.EXCL, rule);

const ruleRequest = (message: number, flags: number, rule: RuleSpec): NetlinkRequest =>
  request(
    message,
    flags,
    encode(rtmsg, {
      family: rule.family,
      sourceLength: rule.from?.prefixLength ?? 0,
      table: rule.table > 255 ? 0 : rule.table,
      type: FR_ACT_TO_TBL,
    }),
    present(
      maybe(attrU32, FRA.FWMARK, rule.fwmark),
      maybe(raw, FRA.SRC, rule.from?.address),
      maybe(string, FRA.IIFNAME, rule.iif),
      rule.table > 255 ? attrU32(FRA.TABLE, rule.table) : undefined,
      maybe(attrU32, FRA.PRIORITY, rule.priority),
    ),
  );

export const dumpRules = (family: number): NetlinkRequest => dump(RTM.GETRULE, encode(rtmsg, { family }));

export interface Rule {
  readonly priority: number;
  /** "all", or a network. */
  readonly from: string;
  readonly fwmark?: number;
  readonly iif?: string;
  readonly table: number;
  readonly isOfVrf: boolean;
}

export function parseRule(payload: Uint8Array): Rule {
  const { sourceLength, table } = decode(rtmsg, payload);
  const attributes = parseAttributes(payload.subarray(rtmsg.size));
  const number = (type: number) => {
    const value = attributes.get(type);
    return value && asU32(value);
  };
  const source = attributes.get(FRA.SRC);
  const fwmark = number(FRA.FWMARK);
  const iif = attributes.get(FRA.IIFNAME);
  return {
    priority: number(FRA.PRIORITY) ?? 0,
    from: source ? `${formatIp(source)}/${sourceLength}` : 'all',
    ...(fwmark && { fwmark }),
    ...(iif && { iif: asString(iif) }),
    table: number(FRA.TABLE) ?? table,
    isOfVrf: attributes.has(FRA.L3MDEV),
  };
}

const ndmsg = Struct({ family: u8, pad1: u8, pad2: u16, index: s32, state: u16, flags: u8, type: u8 });

/** A permanent neighbour: no ARP and no neighbour discovery is sent for it. */
export const newNeighbour = (index: number, address: Uint8Array, mac: Uint8Array): NetlinkRequest =>
  request(
    RTM.NEWNEIGH,
    NLM_F.CREATE | NLM_F.REPLACE,
    encode(ndmsg, { family: familyOf(address), index, state: NUD.PERMANENT }),
    [raw(NDA.DST, address), raw(NDA.LLADDR, mac)],
  );

/** A permanent entry of a bridge's forwarding database: frames to `mac` (of a VLAN) leave by this port. */
export const newFdbEntry = (port: number, mac: Uint8Array, vlan?: number): NetlinkRequest =>
  request(
    RTM.NEWNEIGH,
    NLM_F.CREATE | NLM_F.REPLACE,
    encode(ndmsg, { family: AF.BRIDGE, index: port, state: NUD.NOARP, flags: NTF.MASTER }),
    present(raw(NDA.LLADDR, mac), maybe(attrU16, NDA.VLAN, vlan)),
  );

export const dumpNeighbours = (family: number = AF.UNSPEC): NetlinkRequest =>
  dump(RTM.GETNEIGH, encode(ndmsg, { family }));

export interface Neighbour {
  readonly index: number;
  readonly address: string;
  readonly mac?: string;
  readonly state: number;
}

export function parseNeighbour(payload: Uint8Array): Neighbour {
  const { index, state } = decode(ndmsg, payload);
  const attributes = parseAttributes(payload.subarray(ndmsg.size));
  const address = attributes.get(NDA.DST);
  const mac = attributes.get(NDA.LLADDR);
  return { index, address: address ? formatIp(address) : '', ...(mac && { mac: formatMac(mac) }), state };
}
