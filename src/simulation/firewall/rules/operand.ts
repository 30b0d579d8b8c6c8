/** The left side of a match, or what a statement takes: where a value comes from, and the steps that bring it into a register. */

import {
  bitwise,
  ctLoad,
  type Expression,
  fibLoad,
  metaLoad,
  numgen,
  type PayloadPlace,
  payloadLoad,
  rtLoad,
  tcpOptionExists,
  tcpOptionLoad,
} from '../../../abi/netlink/nftables/expressions.ts';
import type { Place } from '../../plan/issue.ts';
import { isObject, only, pair, readNumber, readWord, readWords } from '../json.ts';
import { type DataType, integer, readValue, toBytes, typeOf } from './data-types.ts';
import { ctKeys, type Field, headers, metaKeys, rtKeys, tcpOptions } from './fields.ts';
import { REGISTER, type RuleContext } from './rule-context.ts';

export interface Operand {
  readonly type: DataType;
  readonly bytes: number;
  /** Steps; fewer bytes than all where only the first ones count. */
  load(register: number, bytes?: number): Expression[];
  /** A field of bits lies so far to the left in its bytes. */
  readonly shift?: number;
  /** What an equal value tells of the packet. */
  readonly teaches?: 'network' | 'transport';
  /** Bytes of a header, whose first ones can be loaded alone. */
  readonly place?: PayloadPlace;
  /** Of which header. */
  readonly header?: string;
}

/** Where a field's bits lie in whole bytes. */
export function placeOf(
  base: PayloadPlace['base'],
  { bit, bits }: Field,
): PayloadPlace & { mask?: Uint8Array; shift: number } {
  const offset = Math.floor(bit / 8);
  const length = Math.ceil(((bit % 8) + bits) / 8);
  const shift = length * 8 - (bit % 8) - bits;
  const isWhole = bit % 8 === 0 && bits % 8 === 0;
  return {
    base,
    offset,
    length,
    shift,
    ...(!isWhole && { mask: toBytes(((1n << BigInt(bits)) - 1n) << BigInt(shift), length) }),
  };
}

const kinds = ['payload', 'meta', 'ct', 'tcp option', 'rt', 'fib', 'numgen', '&'] as const;

export function readOperand(place: Place, json: unknown, context: RuleContext): Operand | undefined {
  const [kind, value] = only(json) ?? [];
  const at = kind === undefined ? place : place.at(kind);
  switch (kind) {
    case 'payload':
      return readPayload(at, value, context);
    case 'meta':
      return readMeta(at, value);
    case 'ct':
      return readCt(at, value);
    case 'tcp option':
      return readTcpOption(at, value);
    case 'rt': {
      const { key, family } = at.members(value, 'rt', ['key', 'family']) ?? {};
      const name = key === 'nexthop' ? `${String(family)} nexthop` : key;
      const known = typeof name === 'string' ? rtKeys[name] : undefined;
      if (!known)
        return at.fail(
          'bad-option',
          `rt has no ${JSON.stringify(key)}; it has classid, nexthop (with a family) and mtu`,
        );
      return simple(known.type, (register) => [rtLoad(known.key, register)]);
    }
    case 'fib':
      return readFib(at, value);
    case 'numgen': {
      const { mode, mod, offset } = at.members(value, 'numgen', ['mode', 'mod', 'offset']) ?? {};
      const type = readWord(at.at('mode'), mode, ['inc', 'random']) === 'random' ? 1 : 0;
      const modulus = readNumber(at.at('mod'), mod, 'modulus', 0xffff_ffff) ?? 1;
      const from = offset === undefined ? 0 : (readNumber(at.at('offset'), offset, 'offset', 0xffff_ffff) ?? 0);
      return simple(integer(4, true), (register) => [numgen(type, modulus, from, register)]);
    }
    case '&':
      return readMasked(at, value, context);
    default:
      return place.fail(
        'bad-option',
        `${JSON.stringify(json)} is nothing that a rule can look at: ${kinds.join(', ')}`,
      );
  }
}

const simple = (type: DataType, load: Operand['load']): Operand => ({ type, bytes: type.bytes, load });

function readPayload(place: Place, json: unknown, context: RuleContext): Operand | undefined {
  if (isObject(json) && 'base' in json) return readRawPayload(place, json);
  const { protocol, field } = place.members(json, 'payload', ['protocol', 'field']) ?? {};
  const name = String(protocol);
  const header = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (!header)
    return place
      .at('protocol')
      .fail('bad-option', `${JSON.stringify(protocol)} is none of ${Object.keys(headers).join(', ')}`);
  const known = Object.hasOwn(header.fields, String(field)) ? header.fields[String(field)] : undefined;
  if (!known)
    return place
      .at('field')
      .fail('bad-option', `${name} has no ${JSON.stringify(field)}; it has ${Object.keys(header.fields).join(', ')}`);
  context.require(place, header, name);
  const where = placeOf(header.base, known);
  const { mask, shift } = where;
  const learned =
    name === 'ip' && field === 'protocol'
      ? 'transport'
      : name === 'ip6' && field === 'nexthdr'
        ? 'transport'
        : undefined;
  return {
    type: mask ? { ...known.type, bytes: where.length, shift } : known.type,
    bytes: where.length,
    load: (register, bytes = where.length) => [
      payloadLoad({ base: where.base, offset: where.offset, length: bytes }, register),
      ...(mask ? [bitwise(register, mask, new Uint8Array(mask.length))] : []),
    ],
    ...(mask ? { shift } : { place: where }),
    ...(learned && { teaches: learned }),
    header: name,
  };
}

/** Any bits of a packet. */
function readRawPayload(place: Place, json: unknown): Operand | undefined {
  const { base, offset, len } = place.members(json, 'payload', ['base', 'offset', 'len']) ?? {};
  const from = readWord(place.at('base'), base, ['ll', 'nh', 'th']);
  const bit = readNumber(place.at('offset'), offset, 'offset in bits', 2040);
  const bits = readNumber(place.at('len'), len, 'length in bits', 128);
  if (from === undefined || bit === undefined || !bits) return undefined;
  const { mask, shift, ...where } = placeOf(from, { bit, bits, type: integer(Math.ceil(bits / 8)) });
  return {
    type: mask ? { ...integer(where.length), shift } : integer(where.length),
    bytes: where.length,
    load: (register) => [
      payloadLoad({ base: where.base, offset: where.offset, length: where.length }, register),
      ...(mask ? [bitwise(register, mask, new Uint8Array(mask.length))] : []),
    ],
    ...(mask && { shift }),
  };
}

function readMeta(place: Place, json: unknown): Operand | undefined {
  const { key } = place.members(json, 'meta', ['key']) ?? {};
  const known = typeof key === 'string' && Object.hasOwn(metaKeys, key) ? metaKeys[key] : undefined;
  if (!known)
    return place
      .at('key')
      .fail('bad-option', `meta has no ${JSON.stringify(key)}; it has ${Object.keys(metaKeys).join(', ')}`);
  const teaches = key === 'l4proto' ? 'transport' : key === 'nfproto' || key === 'protocol' ? 'network' : undefined;
  return { ...simple(known.type, (register) => [metaLoad(known.key, register)]), ...(teaches && { teaches }) };
}

function readCt(place: Place, json: unknown): Operand | undefined {
  const { key, dir, family } = place.members(json, 'ct', ['key', 'dir', 'family']) ?? {};
  const name = family === undefined ? String(key) : `${String(family)} ${String(key)}`;
  const known = Object.hasOwn(ctKeys, name) ? ctKeys[name] : undefined;
  if (!known)
    return place
      .at('key')
      .fail('bad-option', `ct has no ${JSON.stringify(name)}; it has ${Object.keys(ctKeys).join(', ')}`);
  if (known.direction === 'must' && dir === undefined)
    return place.fail('bad-option', `ct ${name} is of a direction: "dir": "original" or "reply"`);
  if (known.direction === undefined && dir !== undefined)
    return place.at('dir').fail('bad-option', `ct ${name} has no direction`);
  const direction =
    dir === undefined ? undefined : readWord(place.at('dir'), dir, ['original', 'reply']) === 'reply' ? 1 : 0;
  return simple(known.type, (register) => [ctLoad(known.key, register, direction)]);
}

/** An option's kind, and the bytes of one of its fields. */
export function readTcpOptionPlace(
  place: Place,
  json: unknown,
): { readonly kind: number; readonly field?: readonly [offset: number, length: number] } | undefined {
  const { name, field } = place.members(json, 'tcp option', ['name', 'field']) ?? {};
  const option = typeof name === 'string' && Object.hasOwn(tcpOptions, name) ? tcpOptions[name] : undefined;
  if (!option)
    return place
      .at('name')
      .fail('bad-option', `${JSON.stringify(name)} is none of ${Object.keys(tcpOptions).join(', ')}`);
  if (field === undefined) return { kind: option.kind };
  const known = Object.hasOwn(option.fields, String(field)) ? option.fields[String(field)] : undefined;
  if (!known)
    return place
      .at('field')
      .fail(
        'bad-option',
        `${String(name)} has no ${JSON.stringify(field)}; it has ${Object.keys(option.fields).join(', ') || 'none'}`,
      );
  return { kind: option.kind, field: known };
}

function readTcpOption(place: Place, json: unknown): Operand | undefined {
  const option = readTcpOptionPlace(place, json);
  if (!option) return undefined;
  const { kind, field } = option;
  if (!field) return simple(typeOf('boolean'), (register) => [tcpOptionExists(kind, register)]);
  const [offset, length] = field;
  return simple(integer(length), (register) => [tcpOptionLoad(kind, offset, length, register)]);
}

const fibFlags = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16 } as const;
const FIB_PRESENT = 32;
const fibTypes: Readonly<Record<string, number>> = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
};

/** What the routes say of an address: the device, or the kind of route. */
function readFib(place: Place, json: unknown): Operand | undefined {
  const { result, flags } = place.members(json, 'fib', ['result', 'flags']) ?? {};
  const words = readWords(place.at('flags'), flags, ['saddr', 'daddr', 'mark', 'iif', 'oif']);
  const bits = words.reduce((sum, word) => sum | fibFlags[word], 0);
  const wanted = readWord(place.at('result'), result, ['oif', 'oifname', 'type']);
  if (wanted === undefined) return undefined;
  if (words.includes('saddr') === words.includes('daddr'))
    return place.at('flags').fail('bad-option', 'fib looks for one address: saddr or daddr');
  if (wanted === 'type')
    return simple({ ...integer(4, true), name: 'fib_addrtype', names: fibTypes }, (register) => [
      fibLoad(3, bits, register),
    ]);
  // Compared with "missing" or "exists" it asks for presence alone.
  return simple(wanted === 'oif' ? { ...typeOf('boolean'), bytes: 4 } : typeOf('ifname'), (register) => [
    fibLoad(wanted === 'oif' ? 1 : 2, wanted === 'oif' ? bits | FIB_PRESENT : bits, register),
  ]);
}

function readMasked(place: Place, json: unknown, context: RuleContext): Operand | undefined {
  const [left, right] = pair(place, json, '"&"') ?? [];
  const operand = left === undefined ? undefined : readOperand(place.at(0), left, context);
  if (!operand) return undefined;
  const mask = readValue(place.at(1), right, operand.type, context.ruleset.names);
  if (!mask) return undefined;
  if (operand.shift !== undefined)
    return place.fail('bad-option', 'a field of single bits takes no mask: name its bits');
  const { place: _, teaches: __, ...rest } = operand;
  return {
    ...rest,
    load: (register) => [...operand.load(register), bitwise(register, mask, new Uint8Array(mask.length))],
  };
}

/** Several operands one behind the other, each at a multiple of four bytes. */
export interface Concatenation {
  readonly types: readonly DataType[];
  readonly bytes: number;
  load(): Expression[];
}
export const paddedTo4 = (bytes: number): number => Math.ceil(bytes / 4) * 4;
const FIRST_OF_4_BYTES = 8;

export function readConcatenation(place: Place, json: unknown, context: RuleContext): Concatenation | undefined {
  if (!Array.isArray(json) || json.length < 2)
    return place.fail('bad-option', 'a concatenation is a list of two or more');
  const parts = json.map((part, i) => readOperand(place.at(i), part, context));
  const known = parts.flatMap((part) => part ?? []);
  if (known.length < parts.length) return undefined;
  for (const [i, { shift }] of known.entries())
    if (shift !== undefined)
      return place.at(i).fail('bad-option', 'a field of single bits is no part of a concatenation');
  return {
    types: known.map(({ type }) => type),
    bytes: known.reduce((sum, { bytes }) => sum + paddedTo4(bytes), 0),
    load() {
      let at = 0;
      return known.flatMap((part) => {
        const register = at === 0 ? REGISTER : FIRST_OF_4_BYTES + at / 4;
        at += paddedTo4(part.bytes);
        return part.load(register);
      });
    },
  };
}
