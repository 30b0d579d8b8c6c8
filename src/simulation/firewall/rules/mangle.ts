/** {"mangle": …}: a rule that changes a packet, its mark or its connection's. */

import {
  bitwise,
  ctSet,
  type Expression,
  immediate,
  metaSet,
  payloadLoad,
  payloadWrite,
  tcpOptionWrite,
  toNetworkOrder,
} from '../../../abi/netlink/nftables/expressions.ts';
import type { Place } from '../../plan/issue.ts';
import { only, pair } from '../json.ts';
import { type DataType, integer, readValue } from './data-types.ts';
import { ctKeys, headers, metaKeys } from './fields.ts';
import { loadFromMap } from './nat.ts';
import { placeOf, readOperand, readTcpOptionPlace } from './operand.ts';
import { REGISTER, type RuleContext } from './rule-context.ts';

export function addMangle(place: Place, json: unknown, context: RuleContext): void {
  const { key, value } = place.members(json, 'mangle', ['key', 'value']) ?? {};
  const [kind, target] = only(key) ?? [];
  const at = place.at('key');
  if (kind === 'meta' || kind === 'ct') addKey(place, kind, target, value, context);
  else if (kind === 'payload') addPayload(place, target, value, context);
  else if (kind === 'tcp option') {
    const option = readTcpOptionPlace(at.at('tcp option'), target);
    if (!option?.field) {
      if (option) at.fail('bad-option', 'which field of the option?');
      return;
    }
    const [offset, length] = option.field;
    const steps = loadValue(place.at('value'), value, integer(length), context);
    if (steps) context.add(...steps, tcpOptionWrite(option.kind, offset, length, REGISTER));
  } else at.fail('bad-option', `${JSON.stringify(key)} is nothing that a rule can set: meta, ct, payload, tcp option`);
}

function addKey(place: Place, kind: 'meta' | 'ct', target: unknown, value: unknown, context: RuleContext): void {
  const at = place.at('key').at(kind);
  const { key } = at.members(target, kind, ['key']) ?? {};
  const keys = kind === 'meta' ? metaKeys : ctKeys;
  const known = typeof key === 'string' && Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (!known?.settable) {
    const settable = Object.entries(keys).flatMap(([name, one]) => (one.settable ? [name] : []));
    at.at('key').fail('bad-option', `${kind} ${JSON.stringify(key)} cannot be set; ${settable.join(', ')} can`);
    return;
  }
  const steps = loadValue(place.at('value'), value, known.type, context);
  if (steps) context.add(...steps, kind === 'meta' ? metaSet(known.key, REGISTER) : ctSet(known.key, REGISTER));
}

/** Offsets of the checksums of headers themselves. */
const checksums: Readonly<Record<string, number>> = { ip: 10, tcp: 16, udp: 6, icmp: 2, icmpv6: 2, igmp: 2 };
/** Fields that the transport's checksum covers, too. */
const inPseudoHeader = new Set(['ip saddr', 'ip daddr', 'ip6 saddr', 'ip6 daddr']);

function addPayload(place: Place, target: unknown, value: unknown, context: RuleContext): void {
  const at = place.at('key').at('payload');
  const { protocol, field } = at.members(target, 'payload', ['protocol', 'field']) ?? {};
  const header = Object.hasOwn(headers, String(protocol)) ? headers[String(protocol)] : undefined;
  const known = header && Object.hasOwn(header.fields, String(field)) ? header.fields[String(field)] : undefined;
  if (!header || !known) {
    at.fail('bad-option', `${JSON.stringify(target)} is no field of a header`);
    return;
  }
  context.require(at, header, String(protocol));
  const where = placeOf(header.base, known);
  const sum = checksums[String(protocol)];
  const options = {
    ...(sum !== undefined && { checksum: sum }),
    ...(inPseudoHeader.has(`${String(protocol)} ${String(field)}`) && { pseudo: true }),
  };
  // Checksums are of words of 16 bits: a change of less takes its neighbour along.
  const isOdd = sum !== undefined && (where.length % 2 === 1 || where.offset % 2 === 1);
  if (where.mask === undefined && !isOdd) {
    const steps = loadValue(place.at('value'), value, known.type, context);
    if (steps) context.add(...steps, payloadWrite(where, REGISTER, options));
    return;
  }
  const start = isOdd ? where.offset - (where.offset % 2) : where.offset;
  const length = isOdd ? Math.ceil((where.offset + where.length - start) / 2) * 2 : where.length;
  const type = { ...known.type, bytes: where.length, shift: where.shift };
  const constant = readValue(place.at('value'), value, type, context.ruleset.names);
  if (!constant) return;
  const keep = new Uint8Array(length).fill(0xff);
  const set = new Uint8Array(length);
  for (const [i, byte] of constant.entries()) {
    keep[where.offset - start + i] = 0xff & ~(where.mask?.[i] ?? 0xff);
    set[where.offset - start + i] = byte;
  }
  const word = { base: where.base, offset: start, length };
  context.add(payloadLoad(word, REGISTER), bitwise(REGISTER, keep, set), payloadWrite(word, REGISTER, options));
}

/** A value, another operand, or an operand with bits changed, into the first register. */
function loadValue(
  place: Place,
  json: unknown,
  type: DataType,
  context: RuleContext,
): readonly Expression[] | undefined {
  const [kind, value] = only(json) ?? [];
  if (kind === 'map') return loadFromMap(place.at('map'), value, type, REGISTER, context)?.steps;
  if (kind === '|' || kind === '&' || kind === '^') {
    const [left, right] = pair(place.at(kind), value, JSON.stringify(kind)) ?? [];
    if (only(left) !== undefined) {
      const base = loadValue(place.at(kind).at(0), left, type, context);
      const bits = readValue(place.at(kind).at(1), right, type, context.ruleset.names);
      return base && bits && [...base, change(kind, bits)];
    }
  }
  if (kind !== undefined && kind !== '|') {
    const operand = readOperand(place, json, context);
    if (!operand) return undefined;
    const needsSwap = operand.type.hostOrder && !type.hostOrder;
    if (operand.bytes !== type.bytes)
      return place.fail('bad-option', `${operand.type.name} has another size than ${type.name}`);
    return [...operand.load(REGISTER), ...(needsSwap ? [toNetworkOrder(REGISTER, operand.bytes, operand.bytes)] : [])];
  }
  const constant = readValue(place, json, type, context.ruleset.names);
  return constant && [immediate(REGISTER, { value: constant })];
}

function change(kind: '|' | '&' | '^', bits: Uint8Array): Expression {
  const none = new Uint8Array(bits.length);
  const all = none.map(() => 0xff);
  if (kind === '&') return bitwise(REGISTER, bits, none);
  return kind === '|'
    ? bitwise(
        REGISTER,
        bits.map((byte) => 0xff & ~byte),
        bits,
      )
    : bitwise(REGISTER, all, bits);
}
