/** {"match": …}: what a rule compares, as steps of nf_tables. */

import type { CmpOp } from '../../../abi/netlink/nftables/constants.ts';
import { cmp, lookup, masked, outside, toNetworkOrder } from '../../../abi/netlink/nftables/expressions.ts';
import type { Place } from '../../plan/issue.ts';
import { only, readWord } from '../json.ts';
import { readValue } from './data-types.ts';
import { type Operand, readConcatenation, readOperand } from './operand.ts';
import { REGISTER, type RuleContext } from './rule-context.ts';
import { anonymousSet, inNetworkOrder, isSetObject, readSpan } from './sets.ts';

type Op = CmpOp | 'in';
const ops: readonly Op[] = ['==', '!=', '<', '<=', '>', '>=', 'in'];

export function addMatch(place: Place, json: unknown, context: RuleContext): void {
  const { op: opJson, left, right } = place.members(json, 'match', ['op', 'left', 'right']) ?? {};
  const op = opJson === undefined ? '==' : readWord(place.at('op'), opJson, ops);
  if (op === undefined) return;
  const [kind, parts] = only(left) ?? [];
  if (kind === 'concat') addConcatenation(place, { op, parts, right }, context);
  else {
    const operand = readOperand(place.at('left'), left, context);
    if (operand) addComparison(place, op, operand, right, context);
  }
}

const isSetName = (json: unknown): json is string => typeof json === 'string' && json.startsWith('@');

/** Sets are looked up in, or not in. */
function isInverted(place: Place, op: Op): boolean {
  if (op === '!=') return true;
  if (op !== '==' && op !== 'in') place.at('op').fail('bad-option', `${op} compares no sets: ==, != or in`);
  return false;
}

function addConcatenation(
  place: Place,
  { op, parts, right }: { readonly op: Op; readonly parts: unknown; readonly right: unknown },
  context: RuleContext,
): void {
  const operand = readConcatenation(place.at('left').at('concat'), parts, context);
  const inverted = isInverted(place, op);
  if (!operand) return;
  const at = place.at('right');
  if (isSetName(right)) {
    const set = context.setNamed(at, right);
    if (set && set.key.length !== operand.types.length)
      at.fail('bad-option', `${set.name} has keys of ${set.key.map(({ name }) => name).join(' . ')}`);
    else if (set) context.add(...operand.load(), lookup({ name: set.name }, REGISTER, { inverted }));
    return;
  }
  // One value is a set of one.
  const set = anonymousSet(at, isSetObject(right) ? right : { set: [right] }, { key: operand.types }, context);
  if (set) context.add(...operand.load(), lookup(set.set, REGISTER, { inverted }));
}

function addComparison(place: Place, op: Op, operand: Operand, right: unknown, context: RuleContext): void {
  const at = place.at('right');
  if (isSetName(right)) {
    const set = context.setNamed(at, right);
    const inverted = isInverted(place, op);
    const [key] = set?.key ?? [];
    if (!set || !key) return;
    if (set.key.length > 1 || key.bytes !== operand.bytes || operand.shift !== undefined)
      at.fail(
        'bad-option',
        `${set.name} has keys of ${set.key.map(({ name }) => name).join(' . ')}, not of ${operand.type.name}`,
      );
    else context.add(...loadForSet(operand, set.isInterval), lookup({ name: set.name }, REGISTER, { inverted }));
    return;
  }
  if (isSetObject(right)) {
    const inverted = isInverted(place, op);
    const made = anonymousSet(at, right, { key: [operand.type] }, context);
    if (made) context.add(...loadForSet(operand, made.isInterval), lookup(made.set, REGISTER, { inverted }));
    if (!inverted && operand.teaches === 'transport') context.learn('transport', 'some');
    return;
  }
  const [kind] = only(right) ?? [];
  if (kind === 'prefix' || kind === 'range') addSpan(place, op, operand, right, context);
  else addValue(place, op, operand, right, context);
}

/** Intervals are ordered as bytes are, so numbers must be in network order there. */
const ordered = (operand: Operand) =>
  operand.type.hostOrder && operand.type.name !== 'ifname'
    ? [toNetworkOrder(REGISTER, operand.bytes, operand.bytes)]
    : [];
const loadForSet = (operand: Operand, isInterval: boolean) => [
  ...operand.load(REGISTER),
  ...(isInterval ? ordered(operand) : []),
];

function addSpan(place: Place, op: Op, operand: Operand, right: unknown, context: RuleContext): void {
  const at = place.at('right');
  const span = readSpan(at, right, [operand.type], context.ruleset);
  const inverted = isInverted(place, op);
  if (!span) return;
  const { type } = operand;
  const bits = prefixLength(right);
  if (bits !== undefined && bits > 0 && bits % 8 === 0 && operand.place) {
    // A network of whole bytes: only those are looked at.
    context.add(
      ...operand.load(REGISTER, bits / 8),
      cmp(REGISTER, inverted ? '!=' : '==', span.first.slice(0, bits / 8)),
    );
    return;
  }
  if (bits !== undefined) {
    const mask = span.first.map((byte, i) => 0xff & ~(byte ^ (span.last[i] ?? 0)));
    context.add(...operand.load(REGISTER), masked(REGISTER, mask), cmp(REGISTER, inverted ? '!=' : '==', span.first));
    return;
  }
  const first = inNetworkOrder(span.first, type);
  const last = inNetworkOrder(span.last, type);
  context.add(...operand.load(REGISTER), ...ordered(operand));
  if (inverted) context.add(outside(REGISTER, first, last));
  else context.add(cmp(REGISTER, '>=', first), cmp(REGISTER, '<=', last));
}

function prefixLength(right: unknown): number | undefined {
  const [kind, value] = only(right) ?? [];
  return kind === 'prefix' ? Number((value as { readonly len?: unknown }).len) : undefined;
}

function addValue(place: Place, op: Op, operand: Operand, right: unknown, context: RuleContext): void {
  const { type } = operand;
  const at = place.at('right');
  const isWildcard = type.name === 'ifname' && typeof right === 'string' && right.endsWith('*') && right.length > 1;
  const value = readValue(at, isWildcard ? right.slice(0, -1) : right, type, context.ruleset.names);
  if (!value) return;
  if (isWildcard) {
    if (op !== '==' && op !== '!=') place.at('op').fail('bad-option', `${op} compares no names: == or !=`);
    else context.add(...operand.load(REGISTER), cmp(REGISTER, op, value.slice(0, right.length - 1)));
    return;
  }
  if (op === 'in') {
    if (type.bitmask)
      // Any of these bits.
      context.add(
        ...operand.load(REGISTER),
        masked(REGISTER, value),
        cmp(REGISTER, '!=', new Uint8Array(value.length)),
      );
    else context.add(...operand.load(REGISTER), cmp(REGISTER, '==', value));
    return;
  }
  if (op === '==' || op === '!=') {
    context.add(...operand.load(REGISTER), cmp(REGISTER, op, value));
    if (op === '==' && operand.teaches) context.learn(operand.teaches, value);
    return;
  }
  context.add(...operand.load(REGISTER), ...ordered(operand), cmp(REGISTER, op, inNetworkOrder(value, type)));
}
