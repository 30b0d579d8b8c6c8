/** The statements of a rule, each made into steps of nf_tables. */

import {
  connlimit,
  dup,
  dynset,
  type Expression,
  forwardTo,
  immediate,
  limit,
  log,
  lookup,
  notrack,
  objectLookup,
  objectReference,
  quota,
  reject,
} from '../../../abi/netlink/nftables/expressions.ts';
import type { Place } from '../../plan/issue.ts';
import { only, readFlag, readNumber, readText, readWord } from '../json.ts';
import { readValue, rejectCodes, typeOf } from './data-types.ts';
import { loadKey } from './key.ts';
import { readLimit, readQuota } from './limits.ts';
import { addMangle } from './mangle.ts';
import { addMatch } from './match.ts';
import { addNat } from './nat.ts';
import { REGISTER, type RuleContext } from './rule-context.ts';
import { anonymousSet, isSetObject } from './sets.ts';
import { isVerdict, readCounter, readVerdict } from './verdict.ts';

type Statement = (place: Place, value: unknown, context: RuleContext) => void;

const addIf = (context: RuleContext, expression: Expression | undefined): void => {
  if (expression) context.add(expression);
};
/** A statement that says what it counts or limits itself, or names an object that does. */
const stateful =
  (kind: 'counter' | 'quota' | 'limit', read: (place: Place, value: unknown) => Expression | undefined): Statement =>
  (place, value, context) => {
    const [name, map] = only(value) ?? [];
    if (name === 'map') addObjectOfMap(place.at('map'), map, context);
    else addIf(context, typeof value === 'string' ? objectReference(kind, value) : read(place, value));
  };

/** The object that a map has for a key. */
function addObjectOfMap(place: Place, json: unknown, context: RuleContext): void {
  const { key: keyJson, data } = place.members(json, 'map', ['key', 'data']) ?? {};
  const key = loadKey(place.at('key'), keyJson, context);
  const reference = readText(place.at('data'), data, 'name of a map of objects');
  const set = reference === undefined ? undefined : context.setNamed(place.at('data'), reference);
  if (set && set.data !== 'object') place.at('data').fail('bad-option', `${set.name} is no map of objects`);
  else if (set && key) context.add(...key.steps, objectLookup({ name: set.name }, REGISTER));
}

const readLimitStep = (place: Place, value: unknown): Expression | undefined => {
  const spec = readLimit(place, value);
  return spec && limit(spec);
};
const readQuotaStep = (place: Place, value: unknown): Expression | undefined => {
  const spec = readQuota(place, value);
  return spec && quota(spec);
};
const readCtCount = (place: Place, value: unknown): Expression | undefined => {
  const { val, inv } = place.members(value, 'ct count', ['val', 'inv']) ?? {};
  const count = readNumber(place.at('val'), val, 'number of connections', 0xffff_ffff);
  return count === undefined ? undefined : connlimit(count, readFlag(place.at('inv'), inv));
};

const statements: Readonly<Record<string, Statement>> = {
  match: addMatch,
  counter: stateful('counter', readCounter),
  limit: stateful('limit', readLimitStep),
  quota: stateful('quota', readQuotaStep),
  'ct count': (place, value, context) => addIf(context, readCtCount(place, value)),
  mangle: addMangle,
  snat: addNat('snat'),
  dnat: addNat('dnat'),
  masquerade: addNat('masquerade'),
  redirect: addNat('redirect'),
  reject: addReject,
  vmap: addVerdictMap,
  set: (place, value, context) => addDynamic(place, value, context, 'set'),
  map: (place, value, context) => addDynamic(place, value, context, 'map'),
  notrack: (place, value, context) => {
    if (value === null) context.add(notrack);
    else place.fail('bad-option', 'notrack is null');
  },
  log: addLog,
  dup: addDup,
  fwd: (place, value, context) => {
    const { dev, ...others } = place.members(value, 'fwd', ['dev']) ?? {};
    const index = readValue(place.at('dev'), dev, typeOf('iface_index'), context.ruleset.names);
    if (index && Object.keys(others).length === 0)
      context.add(immediate(REGISTER, { value: index }), forwardTo(REGISTER));
  },
};

export function addStatement(place: Place, json: unknown, context: RuleContext): void {
  const [kind, value] = only(json) ?? [];
  if (kind === undefined) {
    place.fail('bad-option', `${JSON.stringify(json)} is no statement: an object of one member`);
    return;
  }
  if (isVerdict(kind)) {
    const verdict = readVerdict(place, json);
    if (verdict) context.add(immediate(0, { verdict }));
    return;
  }
  const add = Object.hasOwn(statements, kind) ? statements[kind] : undefined;
  if (add) add(place.at(kind), value, context);
  else
    place
      .at(kind)
      .fail('bad-option', `there is no ${kind} here; there are verdicts and ${Object.keys(statements).join(', ')}`);
}

const rejectTypes = { icmp: 0, icmpv6: 0, 'tcp reset': 1, icmpx: 2 } as const;

function addReject(place: Place, json: unknown, context: RuleContext): void {
  const { family } = context.table;
  const usual = family === 'ip' ? 'icmp' : family === 'ip6' ? 'icmpv6' : 'icmpx';
  const { type: given = usual, expr } = json === null ? {} : (place.members(json, 'reject', ['type', 'expr']) ?? {});
  const type = readWord(place.at('type'), given, ['icmp', 'icmpv6', 'icmpx', 'tcp reset']);
  if (type === undefined) return;
  if (type === 'tcp reset') {
    context.requireTransport(place, 6, 'tcp reset');
    context.add(reject(1, 0));
    return;
  }
  const names: Readonly<Record<string, number>> = rejectCodes[type];
  const code = typeof expr === 'number' ? expr : names[typeof expr === 'string' ? expr : 'port-unreachable'];
  if (code === undefined || !Number.isInteger(code) || code < 0 || code > 255) {
    place
      .at('expr')
      .fail('bad-option', `${JSON.stringify(expr)} is no code of ${type}: ${Object.keys(names).join(', ')}`);
    return;
  }
  if (type !== 'icmpx') context.requireNetwork(place, type === 'icmp' ? 'ip' : 'ip6', type);
  context.add(reject(rejectTypes[type], code));
}

/** Tables of verdicts by key. */
function addVerdictMap(place: Place, json: unknown, context: RuleContext): void {
  const { key: keyJson, data } = place.members(json, 'vmap', ['key', 'data']) ?? {};
  const key = loadKey(place.at('key'), keyJson, context);
  if (!key) return;
  const at = place.at('data');
  if (typeof data === 'string' && data.startsWith('@')) {
    const set = context.setNamed(at, data);
    if (set && set.data !== 'verdict') at.fail('bad-option', `${set.name} is no map of verdicts`);
    else if (set) context.add(...key.steps, lookup({ name: set.name }, REGISTER, { to: 0 }));
    return;
  }
  if (!isSetObject(data)) {
    at.fail('bad-option', 'verdicts by key are {"set": [[key, verdict], …]} or the name of a map');
    return;
  }
  const made = anonymousSet(at, data, { key: key.types, data: 'verdict' }, context);
  if (made) context.add(...key.steps, lookup(made.set, REGISTER, { to: 0 }));
}

const dynamicOps = { add: 0, update: 1, delete: 2 } as const;

/** A packet adds to a set or map, or takes from it. */
function addDynamic(place: Place, json: unknown, context: RuleContext, kind: 'set' | 'map'): void {
  const members = place.members(json, kind, ['op', 'elem', 'data', 'set', 'map', 'stmt']) ?? {};
  const op = members.op === undefined ? 'add' : readWord(place.at('op'), members.op, ['add', 'update', 'delete']);
  const reference = readText(place.at(kind), members[kind], `name of a ${kind}`);
  const set = reference === undefined ? undefined : context.setNamed(place.at(kind), reference);
  const [wrapped, inner] = only(members.elem) ?? [];
  const isWrapped = wrapped === 'elem';
  const at = isWrapped ? place.at('elem').at('elem') : place.at('elem');
  const { val, timeout } = isWrapped
    ? (at.members(inner, 'elem', ['val', 'timeout', 'comment']) ?? {})
    : { val: members.elem };
  const key = loadKey(at, val, context);
  const timeoutMs =
    timeout === undefined ? undefined : readNumber(at.at('timeout'), timeout, 'timeout in seconds', 1e9);
  const expressions = readSetStatements(place.at('stmt'), members.stmt);
  if (!key || !set || op === undefined) return;
  context.add(...key.steps);
  if (kind === 'map' && set.data && set.data !== 'verdict' && set.data !== 'object') {
    const value = readValue(place.at('data'), members.data, set.data, context.ruleset.names);
    if (value) context.add(immediate(REGISTER + 1, { value }));
  }
  context.add(
    dynset(
      { name: set.name },
      {
        op: dynamicOps[op],
        key: REGISTER,
        ...(kind === 'map' && { data: REGISTER + 1 }),
        ...(timeoutMs !== undefined && { timeoutMs: timeoutMs * 1000 }),
        expressions,
      },
    ),
  );
}

/** What each element of a set counts or limits. */
export function readSetStatements(place: Place, json: unknown): Expression[] {
  if (json === undefined) return [];
  if (!Array.isArray(json)) return place.fail('bad-option', 'statements are a list') ?? [];
  return json.flatMap((one, i) => {
    const [kind, value] = only(one) ?? [];
    const at = place.at(i);
    const read = { counter: readCounter, limit: readLimitStep, quota: readQuotaStep, 'ct count': readCtCount }[
      String(kind)
    ];
    if (!read)
      return at.fail('bad-option', `an element has a counter, limit, quota or ct count, no ${String(kind)}`) ?? [];
    return read(at.at(String(kind)), value) ?? [];
  });
}

const levels = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug', 'audit'] as const;

function addLog(place: Place, json: unknown, context: RuleContext): void {
  const given =
    json === null ? {} : (place.members(json, 'log', ['prefix', 'group', 'snaplen', 'level', 'queue-threshold']) ?? {});
  const prefix = given.prefix === undefined ? undefined : readText(place.at('prefix'), given.prefix, 'prefix');
  const group = given.group === undefined ? undefined : readNumber(place.at('group'), given.group, 'group', 65_535);
  const snaplen =
    given.snaplen === undefined ? undefined : readNumber(place.at('snaplen'), given.snaplen, 'number of bytes', 65_535);
  const level = given.level === undefined ? undefined : readWord(place.at('level'), given.level, levels);
  place.warn('nothing here reads what rules log: a counter beside it tells how often');
  context.add(
    log({
      ...(prefix !== undefined && { prefix }),
      ...(group !== undefined && { group }),
      ...(snaplen !== undefined && { snaplen }),
      ...(level !== undefined && { level: levels.indexOf(level) }),
    }),
  );
}

function addDup(place: Place, json: unknown, context: RuleContext): void {
  const { addr, dev } = place.members(json, 'dup', ['addr', 'dev']) ?? {};
  const isIpv6 = context.network === 'ip6';
  const address = readValue(place.at('addr'), addr, typeOf(isIpv6 ? 'ipv6_addr' : 'ipv4_addr'), context.ruleset.names);
  const device =
    dev === undefined ? undefined : readValue(place.at('dev'), dev, typeOf('iface_index'), context.ruleset.names);
  if (!address) return;
  context.add(immediate(REGISTER, { value: address }));
  if (device) context.add(immediate(REGISTER + 1, { value: device }));
  context.add(dup(REGISTER, device && REGISTER + 1));
}
