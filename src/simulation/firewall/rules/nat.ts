/** Translation of addresses and ports: snat, dnat, masquerade, redirect. */

import { NF_NAT_RANGE, nftFamilies } from '../../../abi/netlink/nftables/constants.ts';
import {
  type Expression,
  immediate,
  lookup,
  masquerade,
  type NatRegisters,
  nat,
  redirect,
} from '../../../abi/netlink/nftables/expressions.ts';
import type { Place } from '../../plan/issue.ts';
import { only, readWord, readWords } from '../json.ts';
import { type DataType, typeOf } from './data-types.ts';
import { loadKey } from './key.ts';
import { REGISTER, type RuleContext } from './rule-context.ts';
import { anonymousSet, isSetObject, readSpan } from './sets.ts';

const flagBits = {
  random: NF_NAT_RANGE.PROTO_RANDOM,
  'fully-random': NF_NAT_RANGE.PROTO_RANDOM_FULLY,
  persistent: NF_NAT_RANGE.PERSISTENT,
} as const;

export const addNat =
  (kind: 'snat' | 'dnat' | 'masquerade' | 'redirect') =>
  (place: Place, json: unknown, context: RuleContext): void => {
    const hasAddress = kind === 'snat' || kind === 'dnat';
    const known = hasAddress ? (['family', 'addr', 'port', 'flags'] as const) : (['port', 'flags'] as const);
    const given: Partial<Record<'family' | 'addr' | 'port' | 'flags', unknown>> =
      json === null && !hasAddress ? {} : (place.members(json, kind, known) ?? {});
    const words = readWords(place.at('flags'), given.flags, ['random', 'fully-random', 'persistent']);
    const flags = words.reduce((bits, word) => bits | flagBits[word], 0);
    const steps: Expression[] = [];
    const network = hasAddress ? readFamily(place, given.family, context) : undefined;
    if (hasAddress && network === undefined) return;
    if (hasAddress && given.addr === undefined && given.port === undefined) {
      place.fail('bad-option', `${kind} is to an addr, a port or both`);
      return;
    }
    const address =
      given.addr === undefined
        ? undefined
        : load(place.at('addr'), given.addr, typeOf(network === 'ip6' ? 'ipv6_addr' : 'ipv4_addr'), REGISTER, context);
    const port =
      given.port === undefined
        ? undefined
        : load(place.at('port'), given.port, typeOf('inet_service'), REGISTER + (address?.registers ?? 0), context);
    if (given.port !== undefined && context.transport === undefined)
      place.at('port').fail('bad-option', 'ports are translated once the rule has matched a protocol of transport');
    if ((given.addr !== undefined && !address) || (given.port !== undefined && !port)) return;
    steps.push(...(address?.steps ?? []), ...(port?.steps ?? []));
    const first = REGISTER + (address?.registers ?? 0);
    const registers: NatRegisters = {
      ...(address && { addressMin: REGISTER }),
      ...(address?.registers === 2 && { addressMax: REGISTER + 1 }),
      ...(port && { portMin: first }),
      ...(port?.registers === 2 && { portMax: first + 1 }),
      flags: flags | (port ? NF_NAT_RANGE.PROTO_SPECIFIED : 0),
    };
    const last =
      kind === 'masquerade'
        ? masquerade(registers)
        : kind === 'redirect'
          ? redirect(registers)
          : nat(kind, nftFamilies[network ?? 'ip'], registers);
    context.add(...steps, last);
  };

/** Tables of inet have both, and must be told. */
function readFamily(place: Place, json: unknown, { table, network }: RuleContext): 'ip' | 'ip6' | undefined {
  if (json !== undefined) return readWord(place.at('family'), json, ['ip', 'ip6']);
  const known = table.family === 'ip' || table.family === 'ip6' ? table.family : network;
  if (known === 'ip' || known === 'ip6') return known;
  return place.fail('bad-option', '"family" says which addresses are translated: ip or ip6');
}

/** A value, a range of two, or what a map has for a key. */
function load(
  place: Place,
  json: unknown,
  type: DataType,
  register: number,
  context: RuleContext,
): { readonly steps: readonly Expression[]; readonly registers: 1 | 2 } | undefined {
  const [kind, value] = only(json) ?? [];
  if (kind === 'map') return loadFromMap(place.at('map'), value, type, register, context);
  const span = readSpan(place, json, [type], context.ruleset);
  if (!span) return undefined;
  const first = immediate(register, { value: span.first });
  const isOne = span.first.every((byte, i) => byte === span.last[i]);
  return isOne
    ? { steps: [first], registers: 1 }
    : { steps: [first, immediate(register + 1, { value: span.last })], registers: 2 };
}

export function loadFromMap(
  place: Place,
  json: unknown,
  type: DataType,
  register: number,
  context: RuleContext,
): { readonly steps: readonly Expression[]; readonly registers: 1 } | undefined {
  const { key: keyJson, data } = place.members(json, 'map', ['key', 'data']) ?? {};
  const key = loadKey(place.at('key'), keyJson, context);
  if (!key) return undefined;
  const at = place.at('data');
  if (typeof data === 'string' && data.startsWith('@')) {
    const set = context.setNamed(at, data);
    if (!set) return undefined;
    if (typeof set.data !== 'object' || set.data.bytes !== type.bytes)
      return at.fail('bad-option', `${set.name} is no map to ${type.name}`);
    return { steps: [...key.steps, lookup({ name: set.name }, REGISTER, { to: register })], registers: 1 };
  }
  if (!isSetObject(data)) return at.fail('bad-option', 'a map is {"set": [[key, value], …]} or the name of one');
  const made = anonymousSet(at, data, { key: key.types, data: type }, context);
  return made && { steps: [...key.steps, lookup(made.set, REGISTER, { to: register })], registers: 1 };
}
