/** nft's JSON (libnftables-json(5)) made into the messages that nft(8) would send: tables, chains, rules, sets, objects. */

import type { NetlinkRequest } from '../../abi/netlink/message.ts';
import { NFT_MSG, NFT_SET, type NftFamily, nftFamilies } from '../../abi/netlink/nftables/constants.ts';
import { limitAttributes, quotaAttributes } from '../../abi/netlink/nftables/expressions.ts';
import {
  type ChainHook,
  counterAttributes,
  deleteElements,
  deleteRules,
  deleteTables,
  newChain,
  newObject,
  newRule,
  newSet,
  newTable,
  type TableName,
} from '../../abi/netlink/nftables/messages.ts';
import type { Place } from '../plan/issue.ts';
import { only, readNumber, readText, readWord, readWords } from './json.ts';
import { type DataType, dataTypes, type NameContext } from './rules/data-types.ts';
import { readLimit, readQuota } from './rules/limits.ts';
import { type KnownSet, RuleContext, type Ruleset, setKey } from './rules/rule-context.ts';
import { elementMessages, readMembers, setShape } from './rules/sets.ts';
import { addStatement, readSetStatements } from './rules/statement.ts';
import { readCounter } from './rules/verdict.ts';

/** What goes to Linux as a whole or not at all. */
export interface Transaction {
  readonly place: Place;
  readonly messages: readonly NetlinkRequest[];
}

type Verb = 'add' | 'create' | 'insert' | 'flush' | 'delete';
const verbs: readonly Verb[] = ['add', 'create', 'insert', 'flush', 'delete'];
const families = Object.keys(nftFamilies) as NftFamily[];

interface Command {
  readonly place: Place;
  readonly verb: Verb;
  readonly json: unknown;
  readonly ruleset: Ruleset;
  /** Of rules: what comes back when they are read. */
  readonly number: number;
}
type Maker = (command: Command) => readonly NetlinkRequest[];

/** A ruleset that grows by commands, in the course of which it knows its sets. */
export class Firewall {
  readonly #ruleset: Ruleset;

  constructor(names: NameContext) {
    let id = 0;
    this.#ruleset = { names, sets: new Map(), nextSetId: () => ++id };
  }

  /** The list that stands in nft's {"nftables": […]}. */
  read(place: Place, commands: readonly unknown[]): Transaction[] {
    return commands.flatMap((json, i) => {
      const messages = this.#command(place.at(i), json, i);
      // A set without a name lives in the transaction of its rule alone; all else can come in pieces.
      const isRule = messages.some(({ type }) => type === NFT_MSG.NEWRULE);
      if (isRule) return [{ place: place.at(i), messages }];
      return messages.map((message) => ({ place: place.at(i), messages: [message] }));
    });
  }

  #command(place: Place, json: unknown, number: number): readonly NetlinkRequest[] {
    const [name, value] = only(json) ?? [];
    if (name === 'metainfo') return [];
    const verb = verbs.find((one) => one === name);
    // An object alone is added: so it stands in what nft lists.
    const [kind, body] = (verb ? only(value) : only(json)) ?? [];
    const at = verb ? place.at(verb) : place;
    if (kind === undefined)
      return place.fail('bad-option', `${JSON.stringify(json)} is no command: an object of one member`) ?? [];
    const make = Object.hasOwn(makers, kind) ? makers[kind] : undefined;
    if (!make)
      return at.at(kind).fail('bad-option', `there is no ${kind}; there are ${Object.keys(makers).join(', ')}`) ?? [];
    return make({ place: at.at(kind), verb: verb ?? 'add', json: body, ruleset: this.#ruleset, number });
  }
}

function allowed<K extends Verb>({ place, verb }: Command, ...those: readonly K[]): K | undefined {
  const found = those.find((one) => one === verb);
  return found ?? place.fail('bad-option', `it takes ${those.join(', ')}, no ${verb}`);
}

function readTable(
  place: Place,
  { family, table }: { readonly family?: unknown; readonly table?: unknown },
  key = 'table',
): TableName | undefined {
  const ofFamily = readWord(place.at('family'), family, families);
  const name = readText(place.at(key), table, 'name of a table');
  return ofFamily === undefined || name === undefined ? undefined : { family: ofFamily, table: name };
}

const hooks: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  inet: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4, ingress: 5 },
  ip: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 },
  ip6: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 },
  bridge: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 },
  arp: { input: 0, output: 1 },
  netdev: { ingress: 0, egress: 1 },
};
const priorities: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};

const makers: Readonly<Record<string, Maker>> = {
  ruleset: (command) => (allowed(command, 'flush') && command.json === null ? [deleteTables()] : []),
  table: (command) => {
    const { place, json } = command;
    const given = place.members(json, 'table', ['family', 'name', 'handle', 'comment']) ?? {};
    const table = readTable(place, { family: given.family, table: given.name }, 'name');
    const verb = allowed(command, 'add', 'create', 'flush', 'delete');
    if (!table || !verb) return [];
    if (verb === 'delete') return [deleteTables(table)];
    return verb === 'flush' ? [deleteRules(table)] : [newTable(table, verb === 'create')];
  },
  chain: makeChain,
  rule: makeRule,
  set: (command) => makeSet(command, false),
  map: (command) => makeSet(command, true),
  element: (command) => {
    const { place, json, ruleset } = command;
    const given = place.members(json, 'element', ['family', 'table', 'name', 'elem']) ?? {};
    const table = readTable(place, given);
    const name = readText(place.at('name'), given.name, 'name of a set');
    const verb = allowed(command, 'add', 'create', 'delete');
    if (!table || name === undefined || !verb) return [];
    const set = ruleset.sets.get(setKey(table, name));
    if (!set)
      return (
        place.at('name').fail('bad-option', `there is no set ${name} in table ${table.family} ${table.table}`) ?? []
      );
    const members = readMembers(place.at('elem'), given.elem, set, ruleset);
    const messages = elementMessages(table, { name }, members, set);
    if (verb !== 'delete') return messages;
    return [
      deleteElements(
        table,
        { name },
        members.map(({ span }) => ({ key: span.first })),
      ),
    ];
  },
  counter: (command) =>
    makeObject(command, 'counter', ['packets', 'bytes'], (place, json) => {
      const { packets = 0, bytes = 0 } = json;
      const ok = readCounter(place, { packets, bytes });
      return ok && counterAttributes(Number(packets), Number(bytes));
    }),
  quota: (command) =>
    makeObject(command, 'quota', ['bytes', 'used', 'inv'], (place, json) => {
      const spec = readQuota(place, {
        val: json.bytes,
        ...(json.used !== undefined && { used: json.used }),
        ...(json.inv !== undefined && { inv: json.inv }),
      });
      return spec && quotaAttributes(spec);
    }),
  limit: (command) =>
    makeObject(command, 'limit', ['rate', 'rate_unit', 'per', 'burst', 'burst_unit', 'inv'], (place, json) => {
      const spec = readLimit(place, json);
      return spec && limitAttributes(spec);
    }),
};

function makeObject<K extends string>(
  command: Command,
  kind: 'counter' | 'quota' | 'limit',
  own: readonly K[],
  read: (place: Place, json: Partial<Record<K, unknown>>) => readonly Uint8Array[] | undefined,
): readonly NetlinkRequest[] {
  const { place, json } = command;
  const verb = allowed(command, 'add', 'create');
  const members = ['family', 'table', 'name', 'handle', 'comment', ...own] as const;
  const {
    family,
    table: tableName,
    name: nameJson,
    handle: _,
    comment: __,
    ...rest
  } = (place.members(json, kind, members) as Readonly<Record<string, unknown>> | undefined) ?? {};
  const table = readTable(place, { family, table: tableName });
  const name = readText(place.at('name'), nameJson, 'name');
  const attributes = read(place, rest as Partial<Record<K, unknown>>);
  return table && name !== undefined && attributes && verb
    ? [newObject(table, kind, name, attributes, verb === 'create')]
    : [];
}

function makeChain(command: Command): readonly NetlinkRequest[] {
  const { place, json } = command;
  const verb = allowed(command, 'add', 'create', 'flush');
  const known = ['family', 'table', 'name', 'handle', 'type', 'hook', 'prio', 'dev', 'policy', 'comment'] as const;
  const given = place.members(json, 'chain', known) ?? {};
  const table = readTable(place, given);
  const name = readText(place.at('name'), given.name, 'name of a chain');
  if (!table || name === undefined || !verb) return [];
  if (verb === 'flush') return [deleteRules(table, name)];
  const policy =
    given.policy === undefined ? undefined : readWord(place.at('policy'), given.policy, ['accept', 'drop']);
  if (given.hook === undefined) {
    for (const key of ['type', 'prio', 'dev', 'policy'] as const)
      if (given[key] !== undefined) place.at(key).fail('bad-option', 'only a chain at a hook has that');
    return [newChain(table, name, {}, verb === 'create')];
  }
  const hook = readHook(place, given, table.family);
  return hook ? [newChain(table, name, { hook, ...(policy && { policy }) }, verb === 'create')] : [];
}

function readHook(
  place: Place,
  given: Readonly<Partial<Record<'type' | 'hook' | 'prio' | 'dev', unknown>>>,
  family: NftFamily,
): ChainHook | undefined {
  const type = readWord(place.at('type'), given.type ?? 'filter', ['filter', 'nat', 'route']);
  const known = hooks[family] ?? {};
  const hook = readWord(place.at('hook'), given.hook, Object.keys(known));
  const device = given.dev === undefined ? undefined : readText(place.at('dev'), given.dev, 'name of a device');
  if (type === undefined || hook === undefined) return undefined;
  const needsDevice = hook === 'ingress' || hook === 'egress';
  if (needsDevice !== (given.dev !== undefined))
    return place.at('dev').fail('bad-option', needsDevice ? `${hook} is of a device` : `${hook} is of no device`);
  const prio =
    typeof given.prio === 'string' && Object.hasOwn(priorities, given.prio) ? priorities[given.prio] : given.prio;
  if (typeof prio !== 'number' || !Number.isInteger(prio) || Math.abs(prio) > 2 ** 31 - 1)
    return place
      .at('prio')
      .fail(
        'bad-option',
        `${JSON.stringify(given.prio)} is no priority: a whole number, or one of ${Object.keys(priorities).join(', ')}`,
      );
  return { type, hook: known[hook] ?? 0, priority: prio, ...(device !== undefined && { device }) };
}

function makeRule(command: Command): readonly NetlinkRequest[] {
  const { place, json, ruleset, number, verb } = command;
  const known = ['family', 'table', 'chain', 'expr', 'handle', 'comment'] as const;
  const given = place.members(json, 'rule', known) ?? {};
  const table = readTable(place, given);
  const chain = readText(place.at('chain'), given.chain, 'name of a chain');
  const comment = given.comment === undefined ? undefined : readText(place.at('comment'), given.comment, 'comment');
  if (!table || chain === undefined || !allowed(command, 'add', 'create', 'insert')) return [];
  const { expr } = given;
  if (!Array.isArray(expr)) return place.at('expr').fail('bad-option', 'the statements of a rule are a list') ?? [];
  const context = new RuleContext(table, ruleset);
  for (const [i, statement] of expr.entries()) addStatement(place.at('expr').at(i), statement, context);
  const options = { first: verb === 'insert', userdata: ruleLabel(number, comment) };
  return [...context.before, newRule(table, chain, context.expressions, options)];
}

/** Which rule of the request it is, and what it says of itself: nf_tables keeps that as it is. */
const ruleLabel = (number: number, comment: string | undefined): Uint8Array =>
  new TextEncoder().encode(JSON.stringify([number, ...(comment === undefined ? [] : [comment])]));

const setFlags = {
  constant: NFT_SET.CONSTANT,
  interval: NFT_SET.INTERVAL,
  timeout: NFT_SET.TIMEOUT,
  dynamic: NFT_SET.EVAL,
} as const;

function readTypes(place: Place, json: unknown): DataType[] | undefined {
  const names: readonly unknown[] = Array.isArray(json) ? json : [json];
  const types = names.map((name, i) => {
    const type = typeof name === 'string' && Object.hasOwn(dataTypes, name) ? dataTypes[name] : undefined;
    return (
      type ??
      (Array.isArray(json) ? place.at(i) : place).fail(
        'bad-option',
        `${JSON.stringify(name)} is none of ${Object.keys(dataTypes).join(', ')}`,
      )
    );
  });
  return types.includes(undefined) ? undefined : types.flatMap((type) => type ?? []);
}

function makeSet(command: Command, isMap: boolean): readonly NetlinkRequest[] {
  const { place, json, ruleset } = command;
  const kind = isMap ? 'map' : 'set';
  const known = [
    'family',
    'table',
    'name',
    'handle',
    'type',
    'policy',
    'flags',
    'elem',
    'timeout',
    'gc-interval',
    'size',
    'stmt',
    'comment',
    ...(isMap ? (['map'] as const) : []),
  ] as const;
  const given: Partial<Record<(typeof known)[number], unknown>> = place.members(json, kind, known) ?? {};
  const table = readTable(place, given);
  const name = readText(place.at('name'), given.name, `name of a ${kind}`);
  const key = readTypes(place.at('type'), given.type);
  const verb = allowed(command, 'add', 'create', 'flush');
  if (!table || name === undefined || !verb) return [];
  if (verb === 'flush') return [deleteElements(table, { name }, [])];
  const data = isMap ? readMapData(place.at('map'), given.map) : undefined;
  if (!key || (isMap && data === undefined)) return [];
  const flags = readWords(place.at('flags'), given.flags, ['constant', 'interval', 'timeout', 'dynamic']);
  const isInterval = flags.includes('interval');
  const set: KnownSet = { name, key, isInterval, ...(data !== undefined && { data: data.type }) };
  ruleset.sets.set(setKey(table, name), set);
  const members = given.elem === undefined ? [] : readMembers(place.at('elem'), given.elem, set, ruleset);
  const number = (member: 'timeout' | 'gc-interval' | 'size', what: string) =>
    given[member] === undefined ? undefined : readNumber(place.at(member), given[member], what, 1e9);
  const timeout = number('timeout', 'timeout in seconds');
  const gc = number('gc-interval', 'time in seconds');
  const size = number('size', 'number of elements');
  const policy =
    given.policy === undefined ? undefined : readWord(place.at('policy'), given.policy, ['performance', 'memory']);
  const isConcatenated = isInterval && key.length > 1;
  const bits =
    flags.reduce((sum, flag) => sum | setFlags[flag], 0) |
    (isMap && data?.type !== 'object' ? NFT_SET.MAP : 0) |
    (data?.type === 'object' ? NFT_SET.OBJECT : 0) |
    (isConcatenated ? NFT_SET.CONCAT : 0) |
    (timeout === undefined ? 0 : NFT_SET.TIMEOUT);
  return [
    newSet(
      table,
      {
        name,
        id: ruleset.nextSetId(),
        flags: bits,
        ...setShape(set),
        ...(data?.object && { object: data.object }),
        ...(size !== undefined && { size }),
        ...(isConcatenated && { fields: key.map(({ bytes }) => bytes) }),
        ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
        ...(gc !== undefined && { gcMs: gc * 1000 }),
        ...(policy === 'memory' && { policy: 1 }),
        expressions: readSetStatements(place.at('stmt'), given.stmt),
      },
      verb === 'create',
    ),
    ...elementMessages(table, { name }, members, { key, isInterval }),
  ];
}

function readMapData(
  place: Place,
  json: unknown,
): { readonly type: DataType | 'verdict' | 'object'; readonly object?: 'counter' | 'quota' | 'limit' } | undefined {
  if (json === 'verdict') return { type: 'verdict' };
  if (json === 'counter' || json === 'quota' || json === 'limit') return { type: 'object', object: json };
  const [type] = readTypes(place, json) ?? [];
  return type && { type };
}
