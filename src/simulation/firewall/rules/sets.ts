/** Elements of sets and maps, with names or without: values, prefixes, ranges and concatenations as nf_tables keeps them. */

import type { NetlinkRequest } from '../../../abi/netlink/message.ts';
import { NFT_DATA_VERDICT, NFT_SET } from '../../../abi/netlink/nftables/constants.ts';
import type { SetReference } from '../../../abi/netlink/nftables/expressions.ts';
import { type NewSet, newElements, newSet, type SetElement } from '../../../abi/netlink/nftables/messages.ts';
import type { Place } from '../../plan/issue.ts';
import { isObject, only, pair, readNumber, readText } from '../json.ts';
import { type DataType, readValue, toBytes, toNumber } from './data-types.ts';
import { paddedTo4 } from './operand.ts';
import type { RuleContext, Ruleset } from './rule-context.ts';
import { readCounter, readVerdict } from './verdict.ts';

/** A key, or all from one to another. */
interface Span {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}
interface Member extends Omit<SetElement, 'key' | 'keyEnd' | 'isEnd'> {
  readonly span: Span;
  readonly place: Place;
}

export interface SetShape {
  readonly key: readonly DataType[];
  readonly data?: DataType | 'verdict' | 'object';
}

const keyBytes = (key: readonly DataType[]): number =>
  key.length === 1 ? (key[0]?.bytes ?? 0) : key.reduce((sum, { bytes }) => sum + paddedTo4(bytes), 0);
/** nft's number of a type; of several, six bits each. */
const typeId = (key: readonly DataType[]): number => key.reduce((id, { id: one }) => id * 64 + one, 0);

const equal = ({ first, last }: Span): boolean => first.every((byte, i) => byte === last[i]);

export function readMembers(place: Place, json: unknown, shape: SetShape, ruleset: Ruleset): Member[] {
  if (!Array.isArray(json)) return place.fail('bad-option', 'elements are a list') ?? [];
  return json.flatMap((one, i) => readMember(place.at(i), one, shape, ruleset) ?? []);
}

function readMember(place: Place, json: unknown, shape: SetShape, ruleset: Ruleset): Member | undefined {
  const { data } = shape;
  const [keyJson, dataJson] = data === undefined ? [json] : (pair(place, json, 'an element of a map') ?? []);
  if (keyJson === undefined) return undefined;
  const at = data === undefined ? place : place.at(0);
  const [kind, wrapped] = only(keyJson) ?? [];
  const options =
    kind === 'elem'
      ? (at.at('elem').members(wrapped, 'elem', ['val', 'timeout', 'expires', 'comment', 'counter']) ?? {})
      : { val: keyJson };
  const span = readSpan(kind === 'elem' ? at.at('elem').at('val') : at, options.val, shape.key, ruleset);
  if (!span) return undefined;
  const timeout =
    options.timeout === undefined
      ? undefined
      : readNumber(at.at('timeout'), options.timeout, 'timeout in seconds', 1e9);
  const counter = 'counter' in options ? readCounter(at.at('counter'), options.counter) : undefined;
  const target = data === undefined ? {} : readData(place.at(1), dataJson, data, ruleset);
  return (
    target && {
      span,
      place,
      ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
      ...(counter && { expressions: [counter] }),
      ...target,
    }
  );
}

function readData(
  place: Place,
  json: unknown,
  type: DataType | 'verdict' | 'object',
  ruleset: Ruleset,
): Pick<SetElement, 'data' | 'object'> | undefined {
  if (type === 'object') {
    const object = readText(place, json, 'name of an object');
    return object === undefined ? undefined : { object };
  }
  if (type === 'verdict') {
    const verdict = readVerdict(place, json);
    return verdict && { data: { verdict } };
  }
  const value = readValue(place, json, type, ruleset.names);
  return value && { data: { value } };
}

/** A value, a prefix or a range; of a concatenation, one of each part. */
export function readSpan(place: Place, json: unknown, key: readonly DataType[], ruleset: Ruleset): Span | undefined {
  const [kind, value] = only(json) ?? [];
  if (key.length > 1) {
    if (kind !== 'concat' || !Array.isArray(value) || value.length !== key.length)
      return place.fail(
        'bad-option',
        `a concatenation of ${key.map(({ name }) => name).join(' and ')}: {"concat": […]}`,
      );
    const parts = key.map((type, i) => readSpan(place.at('concat').at(i), value[i], [type], ruleset));
    if (parts.includes(undefined)) return undefined;
    const join = (end: keyof Span) => concatPadded(parts.flatMap((part) => part?.[end] ?? []));
    return { first: join('first'), last: join('last') };
  }
  const [type] = key;
  if (!type) return undefined;
  if (kind === 'prefix') {
    const at = place.at('prefix');
    const { addr, len } = at.members(value, 'prefix', ['addr', 'len']) ?? {};
    const address = readValue(at.at('addr'), addr, type, ruleset.names);
    const length = readNumber(at.at('len'), len, 'length of a prefix', 8 * type.bytes);
    return address && length !== undefined ? spanOfPrefix(address, length) : undefined;
  }
  if (kind === 'range') {
    const [low, high] = pair(place.at('range'), value, 'a range') ?? [];
    const first = low === undefined ? undefined : readValue(place.at('range').at(0), low, type, ruleset.names);
    const last = high === undefined ? undefined : readValue(place.at('range').at(1), high, type, ruleset.names);
    if (!first || !last) return undefined;
    if (toNumber(inNetworkOrder(first, type)) > toNumber(inNetworkOrder(last, type)))
      return place.fail('bad-option', 'a range goes from the smaller to the larger');
    return { first, last };
  }
  const one = readValue(place, json, type, ruleset.names);
  return one && { first: one, last: one };
}

function spanOfPrefix(address: Uint8Array, length: number): Span {
  const bits = BigInt(8 * address.length - length);
  const first = (toNumber(address) >> bits) << bits;
  return { first: toBytes(first, address.length), last: toBytes(first + (1n << bits) - 1n, address.length) };
}

function concatPadded(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + paddedTo4(part.length), 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += paddedTo4(part.length);
  }
  return whole;
}

export const inNetworkOrder = (bytes: Uint8Array, { hostOrder, name }: DataType): Uint8Array =>
  hostOrder && name !== 'ifname' ? bytes.toReversed() : bytes;

/** As nf_tables keeps them: of intervals, where each begins and where it has ended. */
function elementsOf(members: readonly Member[], key: readonly DataType[], isInterval: boolean): SetElement[] {
  const bare = ({ span: _, place: __, ...rest }: Member) => rest;
  if (!isInterval) return members.map((member) => ({ key: member.span.first, ...bare(member) }));
  if (key.length > 1)
    return members.map((member) => ({ key: member.span.first, keyEnd: member.span.last, ...bare(member) }));
  const [type] = key;
  if (!type) return [];
  const all = members
    .map((member) => ({
      member,
      first: toNumber(inNetworkOrder(member.span.first, type)),
      last: toNumber(inNetworkOrder(member.span.last, type)),
    }))
    .toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const bytes = type.bytes;
  const elements: SetElement[] = all[0] && all[0].first > 0n ? [{ key: new Uint8Array(bytes), isEnd: true }] : [];
  for (const [i, { member, first, last }] of all.entries()) {
    const next = all[i + 1];
    if (next && next.first <= last) {
      next.member.place.fail('bad-option', 'it overlaps another element');
      continue;
    }
    elements.push({ key: toBytes(first, bytes), ...bare(member) });
    const isLast = last === (1n << BigInt(8 * bytes)) - 1n;
    if (!isLast && next?.first !== last + 1n) elements.push({ key: toBytes(last + 1n, bytes), isEnd: true });
  }
  return elements;
}

/** A netlink attribute holds 64 KiB. */
const ELEMENTS_PER_MESSAGE = 500;

export function elementMessages(
  table: RuleContext['table'],
  set: SetReference,
  members: readonly Member[],
  { key, isInterval }: { readonly key: readonly DataType[]; readonly isInterval: boolean },
): NetlinkRequest[] {
  const elements = elementsOf(members, key, isInterval);
  const count = Math.ceil(elements.length / ELEMENTS_PER_MESSAGE);
  return Array.from({ length: count }, (_, i) =>
    newElements(table, set, elements.slice(i * ELEMENTS_PER_MESSAGE, (i + 1) * ELEMENTS_PER_MESSAGE)),
  );
}

/** What NFT_MSG_NEWSET tells of keys and data. */
export const setShape = ({ key, data }: SetShape): Pick<NewSet, 'keyType' | 'keyLength' | 'data' | 'object'> => ({
  keyType: typeId(key),
  keyLength: keyBytes(key),
  ...(data !== undefined &&
    data !== 'object' && {
      data: data === 'verdict' ? { type: NFT_DATA_VERDICT, length: 0 } : { type: data.id, length: data.bytes },
    }),
});

/** A set that one rule has for itself. */
export function anonymousSet(
  place: Place,
  json: unknown,
  shape: SetShape,
  context: RuleContext,
): { readonly set: SetReference; readonly isInterval: boolean } | undefined {
  const [kind, list] = only(json) ?? [];
  if (kind !== 'set') return place.fail('bad-option', `${JSON.stringify(json)} is no set: {"set": […]}`);
  const members = readMembers(place.at('set'), list, shape, context.ruleset);
  if (members.length === 0) return place.fail('bad-option', 'a set without elements');
  const isInterval = members.some(({ span }) => !equal(span));
  const elements = elementsOf(members, shape.key, isInterval);
  const isMap = shape.data !== undefined;
  const set = { name: isMap ? '__map%d' : '__set%d', id: context.ruleset.nextSetId() };
  const isConcatenated = isInterval && shape.key.length > 1;
  context.before.push(
    newSet(
      context.table,
      {
        ...set,
        ...setShape(shape),
        flags:
          NFT_SET.ANONYMOUS |
          NFT_SET.CONSTANT |
          (isInterval ? NFT_SET.INTERVAL : 0) |
          (isMap ? NFT_SET.MAP : 0) |
          (isConcatenated ? NFT_SET.CONCAT : 0),
        size: elements.length,
        ...(isConcatenated && { fields: shape.key.map(({ bytes }) => bytes) }),
      },
      false,
    ),
    ...elementMessages(context.table, set, members, { key: shape.key, isInterval }),
  );
  return { set, isInterval };
}

export const isSetObject = (json: unknown): boolean => isObject(json) && 'set' in json;
