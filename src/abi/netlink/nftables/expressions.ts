/** Expressions of nf_tables: the steps of a rule's little machine, each with its attributes in the order that libnftnl writes them. */

import { NLA_F } from '../constants.ts';
import { type Attribute, attrU8, concat, present, raw, string } from '../message.ts';
import {
  type CmpOp,
  cmpOps,
  NFT_OBJECT,
  NFTA_DATA,
  NFTA_EXPR,
  NFTA_LIST_ELEM,
  NFTA_VERDICT,
  type NftObjectKind,
  type PayloadBase,
  payloadBases,
  verdictCodes,
} from './constants.ts';

/** One step: what it is called, and its attributes; one that has none at all has no list of them either. */
export interface Expression {
  readonly name: string;
  readonly attributes?: readonly Attribute[];
}

/** A number of 32 bits in network byte order, as nf_tables has them. */
export function be32(type: number, value: number): Attribute {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setInt32(0, value | 0);
  return raw(type, payload);
}
export function be64(type: number, value: number): Attribute {
  const payload = new Uint8Array(8);
  new DataView(payload.buffer).setBigUint64(0, BigInt(Math.trunc(value)));
  return raw(type, payload);
}
const be16 = (type: number, value: number): Attribute => raw(type, Uint8Array.of(value >>> 8, value & 0xff));
/** Attributes within an attribute that says so. */
export const nest = (type: number, attributes: readonly Attribute[]): Attribute =>
  raw(type | NLA_F.NESTED, concat(attributes));
/** A name without a NUL at its end. */
const bare = (type: number, value: string): Attribute => raw(type, new TextEncoder().encode(value));
const optional = <T>(make: (type: number, value: T) => Attribute, type: number, value: T | undefined) =>
  value === undefined ? undefined : make(type, value);

export const expressionBody = ({ name, attributes }: Expression): Attribute[] => [
  string(NFTA_EXPR.NAME, name),
  ...(attributes ? [nest(NFTA_EXPR.DATA, attributes)] : []),
];
export const expressionList = (type: number, expressions: readonly Expression[]): Attribute =>
  nest(
    type,
    expressions.map((expression) => nest(NFTA_LIST_ELEM, expressionBody(expression))),
  );

/** What becomes of a packet; `chain` of a jump or a goto. */
export interface Verdict {
  readonly code: keyof typeof verdictCodes;
  readonly chain?: string;
}
export type Data = { readonly value: Uint8Array } | { readonly verdict: Verdict };

export const data = (type: number, content: Data): Attribute =>
  nest(type, [
    'value' in content
      ? raw(NFTA_DATA.VALUE, content.value)
      : nest(
          NFTA_DATA.VERDICT,
          present(
            be32(NFTA_VERDICT.CODE, verdictCodes[content.verdict.code]),
            optional(string, NFTA_VERDICT.CHAIN, content.verdict.chain),
          ),
        ),
  ]);
const value = (type: number, bytes: Uint8Array): Attribute => data(type, { value: bytes });

/** A key of meta, ct or rt into a register. */
export const metaLoad = (key: number, to: number): Expression => ({
  name: 'meta',
  attributes: [be32(2, key), be32(1, to)],
});
export const metaSet = (key: number, from: number): Expression => ({
  name: 'meta',
  attributes: [be32(2, key), be32(3, from)],
});
export const ctLoad = (key: number, to: number, direction?: number): Expression => ({
  name: 'ct',
  attributes: present(be32(2, key), be32(1, to), optional(attrU8, 3, direction)),
});
export const ctSet = (key: number, from: number): Expression => ({
  name: 'ct',
  attributes: [be32(2, key), be32(4, from)],
});
export const rtLoad = (key: number, to: number): Expression => ({
  name: 'rt',
  attributes: [be32(2, key), be32(1, to)],
});
export const fibLoad = (result: number, flags: number, to: number): Expression => ({
  name: 'fib',
  attributes: [be32(3, flags), be32(2, result), be32(1, to)],
});
/** 0: one after another; 1: at random. */
export const numgen = (type: number, modulus: number, offset: number, to: number): Expression => ({
  name: 'numgen',
  attributes: [be32(1, to), be32(2, modulus), be32(3, type), be32(4, offset)],
});

/** Bytes of a header. */
export interface PayloadPlace {
  readonly base: PayloadBase;
  readonly offset: number;
  readonly length: number;
}
const placeAttributes = ({ base, offset, length }: PayloadPlace): Attribute[] => [
  be32(2, payloadBases[base]),
  be32(3, offset),
  be32(4, length),
];
export const payloadLoad = (place: PayloadPlace, to: number): Expression => ({
  name: 'payload',
  attributes: [be32(1, to), ...placeAttributes(place)],
});
/** `checksum`: offset of the header's own; `pseudo`: it counts in the checksum of the transport. */
export const payloadWrite = (
  place: PayloadPlace,
  from: number,
  { checksum, pseudo }: { readonly checksum?: number; readonly pseudo?: boolean },
): Expression => ({
  name: 'payload',
  attributes: [
    be32(5, from),
    ...placeAttributes(place),
    ...(checksum === undefined ? [] : [be32(6, 1), be32(7, checksum)]),
    ...(pseudo ? [be32(8, 1)] : []),
  ],
});

export const tcpOptionLoad = (kind: number, offset: number, length: number, to: number): Expression => ({
  name: 'exthdr',
  attributes: [be32(1, to), attrU8(2, kind), be32(3, offset), be32(4, length), be32(6, 1), be32(5, 0)],
});
/** Into a register whether there is one. */
export const tcpOptionExists = (kind: number, to: number): Expression => ({
  name: 'exthdr',
  attributes: [be32(1, to), attrU8(2, kind), be32(3, 0), be32(4, 1), be32(6, 1), be32(5, 1)],
});
export const tcpOptionWrite = (kind: number, offset: number, length: number, from: number): Expression => ({
  name: 'exthdr',
  attributes: [be32(7, from), attrU8(2, kind), be32(3, offset), be32(4, length), be32(6, 1)],
});

export const cmp = (from: number, op: CmpOp, bytes: Uint8Array): Expression => ({
  name: 'cmp',
  attributes: [be32(1, from), be32(2, cmpOps[op]), value(3, bytes)],
});
/** Not between the two. */
export const outside = (from: number, first: Uint8Array, last: Uint8Array): Expression => ({
  name: 'range',
  attributes: [be32(1, from), be32(2, 1), value(3, first), value(4, last)],
});
/** (register & mask) ^ xor */
export const bitwise = (register: number, mask: Uint8Array, xor: Uint8Array): Expression => ({
  name: 'bitwise',
  attributes: [be32(1, register), be32(2, register), be32(6, 0), be32(3, mask.length), value(4, mask), value(5, xor)],
});
/** The first bits of an address, or any of some flags: nft does not name the operation there. */
export const masked = (register: number, mask: Uint8Array): Expression => ({
  name: 'bitwise',
  attributes: [
    be32(1, register),
    be32(2, register),
    be32(3, mask.length),
    value(4, mask),
    value(5, new Uint8Array(mask.length)),
  ],
});
/** Host order to network order, in pieces of `size` bytes. */
export const toNetworkOrder = (register: number, length: number, size: number): Expression => ({
  name: 'byteorder',
  attributes: [be32(1, register), be32(2, register), be32(3, 1), be32(4, length), be32(5, size)],
});
export const immediate = (to: number, content: Data): Expression => ({
  name: 'immediate',
  attributes: [be32(1, to), data(2, content)],
});

/** A set by its name; `id` where this transaction makes it. */
export interface SetReference {
  readonly name: string;
  readonly id?: number;
}
export const lookup = (
  { name, id }: SetReference,
  from: number,
  { to, inverted = false }: { readonly to?: number; readonly inverted?: boolean } = {},
): Expression => ({
  name: 'lookup',
  attributes: present(
    be32(2, from),
    optional(be32, 3, to),
    string(1, name),
    optional(be32, 4, id),
    inverted ? be32(5, 1) : undefined,
  ),
});

export const counter = (packets = 0, bytes = 0): Expression => ({
  name: 'counter',
  attributes: packets || bytes ? [be64(1, bytes), be64(2, packets)] : [],
});

export interface Limit {
  readonly rate: number;
  readonly perSeconds: number;
  readonly burst: number;
  readonly of: 'packets' | 'bytes';
  readonly over: boolean;
}
export const limitAttributes = ({ rate, perSeconds, burst, of, over }: Limit): Attribute[] => [
  be64(1, rate),
  be64(2, perSeconds),
  ...(burst ? [be32(3, burst)] : []),
  be32(4, of === 'bytes' ? 1 : 0),
  be32(5, over ? 1 : 0),
];
export const limit = (spec: Limit): Expression => ({ name: 'limit', attributes: limitAttributes(spec) });

export interface Quota {
  readonly bytes: number;
  readonly used: number;
  readonly over: boolean;
}
export const quotaAttributes = ({ bytes, used, over }: Quota): Attribute[] => [
  be64(1, bytes),
  be64(4, used),
  be32(2, over ? 1 : 0),
];
export const quota = (spec: Quota): Expression => ({ name: 'quota', attributes: quotaAttributes(spec) });

/** Connections that match: up to `count`, or over it. */
export const connlimit = (count: number, over: boolean): Expression => ({
  name: 'connlimit',
  attributes: [be32(1, count), be32(2, over ? 1 : 0)],
});
export const objectReference = (kind: NftObjectKind, name: string): Expression => ({
  name: 'objref',
  attributes: [be32(1, NFT_OBJECT[kind]), bare(2, name)],
});
/** The object that a map has for what is in a register. */
export const objectLookup = ({ name, id }: SetReference, from: number): Expression => ({
  name: 'objref',
  attributes: present(be32(3, from), string(4, name), optional(be32, 5, id)),
});

export const dynset = (
  { name, id }: SetReference,
  {
    op,
    key,
    data: dataRegister,
    timeoutMs,
    expressions = [],
  }: {
    readonly op: 0 | 1 | 2;
    readonly key: number;
    readonly data?: number;
    readonly timeoutMs?: number;
    readonly expressions?: readonly Expression[];
  },
): Expression => ({
  name: 'dynset',
  attributes: present(
    be32(4, key),
    optional(be32, 5, dataRegister),
    be32(3, op),
    optional(be64, 6, timeoutMs),
    string(1, name),
    optional(be32, 2, id),
    expressions.length === 1 && expressions[0] ? nest(7, expressionBody(expressions[0])) : undefined,
    expressions.length > 1 ? expressionList(10, expressions) : undefined,
  ),
});

/** 0: an ICMP of the packet's family, 1: a TCP reset, 2: ICMP by codes that both families have. */
export const reject = (type: 0 | 1 | 2, code: number): Expression => ({
  name: 'reject',
  attributes: [be32(1, type), attrU8(2, code)],
});

/** Registers that hold addresses and ports of a translation, and how they are chosen. */
export interface NatRegisters {
  readonly addressMin?: number;
  readonly addressMax?: number;
  readonly portMin?: number;
  readonly portMax?: number;
  readonly flags: number;
}
const flags = (type: number, bits: number) => (bits ? be32(type, bits) : undefined);
export const nat = (type: 'snat' | 'dnat', family: number, r: NatRegisters): Expression => ({
  name: 'nat',
  attributes: present(
    be32(1, type === 'dnat' ? 1 : 0),
    be32(2, family),
    optional(be32, 3, r.addressMin),
    optional(be32, 4, r.addressMax),
    optional(be32, 5, r.portMin),
    optional(be32, 6, r.portMax),
    flags(7, r.flags),
  ),
});
export const masquerade = (r: NatRegisters): Expression => ({
  name: 'masq',
  attributes: present(flags(1, r.flags), optional(be32, 2, r.portMin), optional(be32, 3, r.portMax)),
});
export const redirect = (r: NatRegisters): Expression => ({
  name: 'redir',
  attributes: present(optional(be32, 1, r.portMin), optional(be32, 2, r.portMax), flags(3, r.flags)),
});

export interface Log {
  readonly prefix?: string;
  readonly group?: number;
  readonly snaplen?: number;
  readonly level?: number;
}
export const log = ({ prefix, group, snaplen, level }: Log): Expression => ({
  name: 'log',
  attributes: present(
    optional(string, 2, prefix),
    optional(be16, 1, group),
    optional(be32, 3, snaplen),
    optional(be32, 5, level),
  ),
});
export const notrack: Expression = { name: 'notrack' };
/** A copy goes to the address (and device) in registers. */
export const dup = (address: number, device?: number): Expression => ({
  name: 'dup',
  attributes: present(be32(1, address), optional(be32, 2, device)),
});
export const forwardTo = (device: number): Expression => ({ name: 'fwd', attributes: [be32(1, device)] });
