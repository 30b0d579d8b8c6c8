/** RTM_*LINK: network devices, made, changed and read; include/uapi/linux/if_link.h. */

import { Struct, u8, u16, u32, u64AsNumber } from '../../struct.ts';
import { decode, encode, s32 } from '../codecs.ts';
import { AF, BRIDGE_VLAN_INFO, IFF, IFLA, IFLA_BRIDGE, IFLA_INFO, NLM_F, RTM, VETH_INFO } from '../constants.ts';
import { formatMac } from '../inet.ts';
import {
  type Attribute,
  asString,
  asU32,
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
} from '../message.ts';
import { kindAttributes, type StackedKind } from './link-kinds.ts';

const ifinfomsg = Struct({ family: u8, type: u16, index: s32, flags: u32, change: u32 });

/** A network namespace as the caller names it: a process in it, or an open file of it. */
export type NetnsReference = { readonly pid: number } | { readonly fd: number };

/** What can be set on any device. */
export interface LinkAttributes {
  /** On creation: the ifindex it is to get. */
  readonly index?: number;
  readonly name?: string;
  readonly mtu?: number;
  /** Six bytes. */
  readonly address?: Uint8Array;
  /** ifindex of the bridge it joins; 0 leaves. */
  readonly master?: number;
  readonly txQueueLength?: number;
  /** Longest GSO packet, in segments: 1 makes the stack send what fits the MTU. */
  readonly gsoMaxSegs?: number;
  readonly gsoMaxSize?: number;
  /** On creation: queues to send from. */
  readonly txQueues?: number;
  readonly netns?: NetnsReference;
  readonly up?: boolean;
  /** False: no ARP and no neighbour discovery on this device. */
  readonly arp?: boolean;
}

/** A kind of device with its own attributes. */
export type LinkKind = { readonly kind: 'veth'; readonly peer: LinkAttributes } | StackedKind;

/** Create a device. */
export function newLink(kind: LinkKind, attributes: LinkAttributes): NetlinkRequest {
  const data = kindData(kind);
  const info = nested(IFLA.LINKINFO, [
    string(IFLA_INFO.KIND, kind.kind),
    ...(data.length ? [nested(IFLA_INFO.DATA, data)] : []),
  ]);
  const parent = 'link' in kind ? [attrU32(IFLA.LINK, kind.link)] : [];
  return request(RTM.NEWLINK, NLM_F.CREATE | NLM_F.EXCL, header(attributes.index ?? 0, attributes), [
    ...linkAttributes(attributes),
    ...parent,
    info,
  ]);
}

/** Change a device. */
export const setLink = (index: number, attributes: LinkAttributes): NetlinkRequest =>
  request(RTM.NEWLINK, 0, header(index, attributes), linkAttributes(attributes));

/** One device, by index or by name. */
export const getLink = (which: { readonly index: number } | { readonly name: string }): NetlinkRequest =>
  'index' in which
    ? request(RTM.GETLINK, 0, encode(ifinfomsg, { index: which.index }))
    : request(RTM.GETLINK, 0, encode(ifinfomsg, {}), [string(IFLA.IFNAME, which.name)]);

export const dumpLinks = (): NetlinkRequest => dump(RTM.GETLINK, encode(ifinfomsg, {}));

/** VLANs of a bridge port (bridge(8) vlan add): `pvid` takes in untagged frames, `untagged` sends them so. */
export function addBridgeVlan(
  port: number,
  id: number,
  { pvid, untagged }: { pvid: boolean; untagged: boolean },
): NetlinkRequest {
  const flags = (pvid ? BRIDGE_VLAN_INFO.PVID : 0) | (untagged ? BRIDGE_VLAN_INFO.UNTAGGED : 0);
  return bridgeVlan(RTM.SETLINK, port, id, flags);
}

export const deleteBridgeVlan = (port: number, id: number): NetlinkRequest => bridgeVlan(RTM.DELLINK, port, id, 0);

const vlanInfo = Struct({ flags: u16, id: u16 });

function bridgeVlan(type: number, port: number, id: number, flags: number): NetlinkRequest {
  const info = [raw(IFLA_BRIDGE.VLAN_INFO, encode(vlanInfo, { flags, id }))];
  return request(type, 0, encode(ifinfomsg, { family: AF.BRIDGE, index: port }), [nested(IFLA.AF_SPEC, info)]);
}

function header(index: number, { up, arp }: LinkAttributes): Uint8Array {
  const change = (up === undefined ? 0 : IFF.UP) | (arp === undefined ? 0 : IFF.NOARP);
  return encode(ifinfomsg, { index, change, flags: (up ? IFF.UP : 0) | (arp === false ? IFF.NOARP : 0) });
}

function linkAttributes(a: LinkAttributes): Attribute[] {
  const netns =
    a.netns && ('pid' in a.netns ? attrU32(IFLA.NET_NS_PID, a.netns.pid) : attrU32(IFLA.NET_NS_FD, a.netns.fd));
  return present(
    maybe(attrU32, IFLA.MTU, a.mtu),
    maybe(raw, IFLA.ADDRESS, a.address),
    maybe(string, IFLA.IFNAME, a.name),
    maybe(attrU32, IFLA.MASTER, a.master),
    maybe(attrU32, IFLA.TXQLEN, a.txQueueLength),
    maybe(attrU32, IFLA.NUM_TX_QUEUES, a.txQueues),
    maybe(attrU32, IFLA.GSO_MAX_SEGS, a.gsoMaxSegs),
    maybe(attrU32, IFLA.GSO_MAX_SIZE, a.gsoMaxSize),
    netns,
  );
}

function kindData(kind: LinkKind): readonly Attribute[] {
  if (kind.kind === 'veth')
    return [raw(VETH_INFO.PEER, concat([header(kind.peer.index ?? 0, kind.peer), ...linkAttributes(kind.peer)]))];
  return kindAttributes(kind);
}

const stats64 = Struct({
  rx_packets: u64AsNumber,
  tx_packets: u64AsNumber,
  rx_bytes: u64AsNumber,
  tx_bytes: u64AsNumber,
  rx_errors: u64AsNumber,
  tx_errors: u64AsNumber,
  rx_dropped: u64AsNumber,
  tx_dropped: u64AsNumber,
  multicast: u64AsNumber,
  collisions: u64AsNumber,
});

/** One device as RTM_GETLINK tells it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  readonly mtu: number;
  readonly kind?: string;
  readonly qdisc?: string;
  readonly address?: string;
  readonly master?: number;
  readonly parent?: number;
  readonly gsoMaxSegs?: number;
  readonly stats: ReturnType<typeof stats64.read>;
}

export function parseLink(payload: Uint8Array): Link {
  const { index, flags } = decode(ifinfomsg, payload);
  const attributes = parseAttributes(payload.subarray(ifinfomsg.size));
  const number = (type: number) => {
    const value = attributes.get(type);
    return value && asU32(value);
  };
  const info = attributes.get(IFLA.LINKINFO);
  const kind = info && parseAttributes(info).get(IFLA_INFO.KIND);
  const qdisc = attributes.get(IFLA.QDISC);
  const address = attributes.get(IFLA.ADDRESS);
  const master = number(IFLA.MASTER);
  const parent = number(IFLA.LINK);
  const gsoMaxSegs = number(IFLA.GSO_MAX_SEGS);
  return {
    index,
    name: asString(attributes.get(IFLA.IFNAME) ?? new Uint8Array()),
    flags,
    mtu: number(IFLA.MTU) ?? 0,
    ...(kind && { kind: asString(kind) }),
    ...(qdisc && { qdisc: asString(qdisc) }),
    ...(address && { address: formatMac(address) }),
    ...(master !== undefined && { master }),
    ...(parent !== undefined && { parent }),
    ...(gsoMaxSegs !== undefined && { gsoMaxSegs }),
    stats: decode(stats64, attributes.get(IFLA.STATS64) ?? new Uint8Array()),
  };
}
