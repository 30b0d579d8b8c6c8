/** RTM_*QDISC, RTM_*TCLASS and RTM_*TFILTER: traffic control of a device, tc(8). */

import { Struct, u8, u16, u32 } from '../../struct.ts';
import { decode, encode, s32 } from '../codecs.ts';
import {
  ETH_P,
  IPPROTO,
  NLA_F,
  NLM_F,
  RTM,
  TC_ACT,
  TC_H,
  TCA,
  TCA_ACT,
  TCA_EGRESS,
  TCA_FLOWER,
  TCA_MATCHALL,
  TCA_MIRRED,
  TCA_SKBEDIT,
} from '../constants.ts';
import {
  type Attribute,
  attrBe16,
  attrU8,
  attrU32,
  dump,
  maybe,
  type NetlinkRequest,
  nested,
  present,
  raw,
  request,
  string,
} from '../message.ts';
import { type ClassOptions, encodeClass } from './classes.ts';
import { encodeQdiscOptions, type QdiscOptions } from './qdisc-options.ts';

const tcmsg = Struct({ family: u8, pad1: u8, pad2: u16, index: s32, handle: u32, parent: u32, info: u32 });

/** "major:minor" of tc as the kernel's number. */
export const handle = (major: number, minor = 0): number => ((major << 16) | minor) >>> 0;

/** "1:" or "1:10" of a handle, both numbers hexadecimal, as tc prints them. */
export function formatHandle(value: number): string {
  if (value === TC_H.ROOT) return 'root';
  const minor = value & 0xffff;
  return `${(value >>> 16).toString(16)}:${minor ? minor.toString(16) : ''}`;
}

/** Where a qdisc sits: on a device, at its root or below another handle. */
export interface QdiscPlace {
  readonly index: number;
  /** TC_H.ROOT, TC_H.INGRESS or the handle of a class. */
  readonly parent: number;
  readonly handle?: number;
}

function qdiscRequest(flags: number, place: QdiscPlace, kind: string, options: Uint8Array): NetlinkRequest {
  const body = encode(tcmsg, { index: place.index, parent: place.parent, handle: place.handle ?? 0 });
  // sch_fq_pie.c and sch_ets.c insist that their options say they are nested.
  const type = kind === 'fq_pie' || kind === 'ets' ? TCA.OPTIONS | NLA_F.NESTED : TCA.OPTIONS;
  return request(RTM.NEWQDISC, flags, body, [string(TCA.KIND, kind), ...(options.length ? [raw(type, options)] : [])]);
}

/** "tc qdisc add" */
export const newQdisc = (place: QdiscPlace, options: QdiscOptions): NetlinkRequest =>
  qdiscRequest(NLM_F.CREATE | NLM_F.EXCL, place, options.kind, encodeQdiscOptions(options));
/** The same by its kind alone, whatever that is. */
export const newPlainQdisc = (place: QdiscPlace, kind: string): NetlinkRequest =>
  qdiscRequest(NLM_F.CREATE | NLM_F.EXCL, place, kind, new Uint8Array());
/** "tc qdisc change": other options, same queue. */
export const changeQdisc = (place: QdiscPlace, options: QdiscOptions): NetlinkRequest =>
  qdiscRequest(0, place, options.kind, encodeQdiscOptions(options));

/** "tc qdisc replace": another queue in the place of one, whose packets are lost. */
export const replaceQdisc = (place: QdiscPlace, options: QdiscOptions): NetlinkRequest =>
  qdiscRequest(NLM_F.CREATE | NLM_F.REPLACE, place, options.kind, encodeQdiscOptions(options));

/** One qdisc. Linux tells everyone of it who listens, and who asks if he wants an echo; no acknowledgement follows. */
export const getQdisc = ({ index, parent, handle }: QdiscPlace): NetlinkRequest =>
  quietly(request(RTM.GETQDISC, NLM_F.ECHO, encode(tcmsg, { index, parent, handle: handle ?? 0 })));
/** The same without an acknowledgement. */
export const quietly = (message: NetlinkRequest): NetlinkRequest => ({
  ...message,
  flags: message.flags & ~NLM_F.ACK,
});

export const dumpQdiscs = (index = 0): NetlinkRequest => dump(RTM.GETQDISC, encode(tcmsg, { index }));
export const dumpClasses = (index: number): NetlinkRequest => dump(RTM.GETTCLASS, encode(tcmsg, { index }));

type ClassPlace = QdiscPlace & { readonly handle: number };

/** "tc class add" */
export const newClass = (place: ClassPlace, options: ClassOptions): NetlinkRequest =>
  classRequest(NLM_F.CREATE | NLM_F.EXCL, place, options);
/** "tc class change" */
export const changeClass = (place: ClassPlace, options: ClassOptions): NetlinkRequest =>
  classRequest(0, place, options);

const classRequest = (flags: number, place: ClassPlace, options: ClassOptions): NetlinkRequest =>
  request(RTM.NEWTCLASS, flags, encode(tcmsg, { index: place.index, parent: place.parent, handle: place.handle }), [
    string(TCA.KIND, options.kind),
    raw(TCA.OPTIONS, encodeClass(options)),
  ]);

/**
 * What a filter does with a packet it matches: name a class, hand the packet to another device of the namespace, or give it a
 * priority and leave the rest to the next filter.
 */
export type FilterVerdict =
  | { readonly classId: number }
  | { readonly redirect: number }
  | { readonly mirror: number }
  | { readonly priority: number };

/** An address of 4 or 16 bytes, of which the first bits count. */
export interface FlowerAddress {
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** Keys of tc-flower(8); all must match. */
export interface FlowerKeys {
  readonly family: 'ipv4' | 'ipv6';
  readonly source?: FlowerAddress;
  readonly destination?: FlowerAddress;
  /** IPPROTO_* */
  readonly protocol?: number;
  /** Ports are of TCP or UDP, which `protocol` says. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Of the byte that has DSCP and ECN, the bits of a mask. */
  readonly tos?: { readonly value: number; readonly mask: number };
}

interface FilterPlace {
  readonly index: number;
  readonly parent: number;
  readonly priority: number;
}

/** Every packet. */
export function newMatchall(place: FilterPlace, verdict: FilterVerdict): NetlinkRequest {
  return filter(place, ETH_P.ALL, 'matchall', [verdictAttribute(verdict, TCA_MATCHALL)]);
}

/** All filters of this priority for every protocol. */
export const deleteFilters = ({ index, parent, priority }: FilterPlace): NetlinkRequest =>
  request(RTM.DELTFILTER, 0, encode(tcmsg, { index, parent, info: filterInfo(priority, ETH_P.ALL) }), []);

/** Packets of one family with these keys. */
export function newFlower(place: FilterPlace, keys: FlowerKeys, verdict: FilterVerdict): NetlinkRequest {
  const isIpv6 = keys.family === 'ipv6';
  const ethernetType = isIpv6 ? ETH_P.IPV6 : ETH_P.IP;
  const isUdp = keys.protocol === IPPROTO.UDP;
  return filter(place, ethernetType, 'flower', [
    verdictAttribute(verdict, TCA_FLOWER),
    attrBe16(TCA_FLOWER.KEY_ETH_TYPE, ethernetType),
    ...present(maybe(attrU8, TCA_FLOWER.KEY_IP_PROTO, keys.protocol)),
    ...flowerAddress(isIpv6 ? TCA_FLOWER.KEY_IPV6_SRC : TCA_FLOWER.KEY_IPV4_SRC, keys.source),
    ...flowerAddress(isIpv6 ? TCA_FLOWER.KEY_IPV6_DST : TCA_FLOWER.KEY_IPV4_DST, keys.destination),
    ...present(
      maybe(attrBe16, isUdp ? TCA_FLOWER.KEY_UDP_SRC : TCA_FLOWER.KEY_TCP_SRC, keys.sourcePort),
      maybe(attrBe16, isUdp ? TCA_FLOWER.KEY_UDP_DST : TCA_FLOWER.KEY_TCP_DST, keys.destinationPort),
      maybe(attrU8, TCA_FLOWER.KEY_IP_TOS, keys.tos?.value),
      maybe(attrU8, TCA_FLOWER.KEY_IP_TOS_MASK, keys.tos?.mask),
    ),
  ]);
}

/** The attribute of a mask follows that of its address. */
function flowerAddress(type: number, key: FlowerAddress | undefined): Attribute[] {
  if (!key) return [];
  const bits = (i: number): number => Math.min(8, Math.max(0, key.prefixLength - 8 * i));
  const mask = key.address.map((_, i) => (0xff00 >> bits(i)) & 0xff);
  return [raw(type, key.address), raw(type + 1, mask)];
}

function filter(
  { index, parent, priority }: FilterPlace,
  protocol: number,
  kind: string,
  options: readonly Attribute[],
): NetlinkRequest {
  const info = filterInfo(priority, protocol);
  return request(RTM.NEWTFILTER, NLM_F.CREATE | NLM_F.EXCL, encode(tcmsg, { index, parent, info }), [
    string(TCA.KIND, kind),
    nested(TCA.OPTIONS, options),
  ]);
}

/** The protocol is in network order. */
const filterInfo = (priority: number, protocol: number): number =>
  ((priority << 16) | ((protocol & 0xff) << 8) | (protocol >>> 8)) >>> 0;

/** tc_gen of linux/pkt_cls.h: every action begins so. */
const actionFields = { actionIndex: u32, capab: u32, action: s32, refcnt: s32, bindcnt: s32 } as const;
const actionHeader = Struct(actionFields);
const mirred = Struct({ ...actionFields, eaction: s32, ifindex: u32 });

function verdictAttribute(
  verdict: FilterVerdict,
  types: { readonly CLASSID: number; readonly ACT: number },
): Attribute {
  if ('classId' in verdict) return attrU32(types.CLASSID, verdict.classId);
  if ('priority' in verdict) {
    const parms = encode(actionHeader, { action: TC_ACT.UNSPEC });
    const options = [raw(TCA_SKBEDIT.PARMS, parms), attrU32(TCA_SKBEDIT.PRIORITY, verdict.priority)];
    return nested(types.ACT, [nested(1, [string(TCA_ACT.KIND, 'skbedit'), nested(TCA_ACT.OPTIONS, options)])]);
  }
  const redirects = 'redirect' in verdict;
  const parms = encode(mirred, {
    action: redirects ? TC_ACT.STOLEN : TC_ACT.PIPE,
    eaction: redirects ? TCA_EGRESS.REDIR : TCA_EGRESS.MIRROR,
    ifindex: redirects ? verdict.redirect : verdict.mirror,
  });
  const first = nested(1, [string(TCA_ACT.KIND, 'mirred'), nested(TCA_ACT.OPTIONS, [raw(TCA_MIRRED.PARMS, parms)])]);
  return nested(types.ACT, [first]);
}

/** The fixed header of a traffic control message, and where its attributes begin. */
export const parseTcHeader = (payload: Uint8Array) => ({
  ...decode(tcmsg, payload),
  attributes: payload.subarray(tcmsg.size),
});
