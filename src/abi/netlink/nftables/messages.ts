/** NFT_MSG_*: tables, chains, rules, sets and named objects of nf_tables, made and read; changes travel in transactions. */

import { Struct, u8 } from '../../struct.ts';
import { be16, encode } from '../codecs.ts';
import { NLM_F } from '../constants.ts';
import {
  type Attribute,
  dump,
  listAttributes,
  type NetlinkRequest,
  parseAttributes,
  present,
  raw,
  request,
  string,
} from '../message.ts';
import {
  NFNL_MSG_BATCH,
  NFT_MSG,
  NFT_OBJECT,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_CHAIN,
  NFTA_EXPR,
  NFTA_HOOK,
  NFTA_LIST_ELEM,
  NFTA_OBJ,
  NFTA_RULE,
  NFTA_SET,
  NFTA_SET_DESC,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
  NFTA_SET_FIELD_LEN,
  NFTA_TABLE,
  type NftFamily,
  type NftObjectKind,
  nftFamilies,
} from './constants.ts';
import {
  be32,
  be64,
  type Data,
  data,
  type Expression,
  expressionBody,
  expressionList,
  nest,
  quotaAttributes,
} from './expressions.ts';

const nfgenmsg = Struct({ family: u8, version: u8, resource: be16 });
const header = (family: number, resource = 0): Uint8Array => encode(nfgenmsg, { family, resource });
const of = (family: NftFamily): Uint8Array => header(nftFamilies[family]);
const make = (type: number, flags: number, family: NftFamily, attributes: readonly Attribute[]): NetlinkRequest =>
  request(type, flags, of(family), attributes);
const maybe = <T>(make: (type: number, value: T) => Attribute, type: number, value: T | undefined) =>
  value === undefined ? undefined : make(type, value);

/** What opens and closes a transaction: between them all or nothing happens. Neither is acknowledged. */
export const batchBegin: NetlinkRequest = unacknowledged(request(NFNL_MSG_BATCH.BEGIN, 0, header(0, 10)));
export const batchEnd: NetlinkRequest = unacknowledged(request(NFNL_MSG_BATCH.END, 0, header(0, 10)));

function unacknowledged(message: NetlinkRequest): NetlinkRequest {
  return { ...message, flags: message.flags & ~NLM_F.ACK };
}

export interface TableName {
  readonly family: NftFamily;
  readonly table: string;
}

/** `exclusive`: it must not be there yet. */
export const newTable = ({ family, table }: TableName, exclusive: boolean): NetlinkRequest =>
  make(NFT_MSG.NEWTABLE, exclusive ? NLM_F.CREATE | NLM_F.EXCL : 0, family, [
    string(NFTA_TABLE.NAME, table),
    be32(NFTA_TABLE.FLAGS, 0),
  ]);
/** Without a name: all of them, of every family. */
export const deleteTables = (table?: TableName): NetlinkRequest =>
  table
    ? make(NFT_MSG.DELTABLE, 0, table.family, [string(NFTA_TABLE.NAME, table.table)])
    : request(NFT_MSG.DELTABLE, 0, header(0), []);

export interface ChainHook {
  readonly type: string;
  readonly hook: number;
  readonly priority: number;
  readonly device?: string;
}
export function newChain(
  { family, table }: TableName,
  name: string,
  { hook, policy }: { readonly hook?: ChainHook; readonly policy?: 'accept' | 'drop' },
  exclusive: boolean,
): NetlinkRequest {
  return make(
    NFT_MSG.NEWCHAIN,
    NLM_F.CREATE | (exclusive ? NLM_F.EXCL : 0),
    family,
    present(
      string(NFTA_CHAIN.TABLE, table),
      string(NFTA_CHAIN.NAME, name),
      maybe(string, NFTA_CHAIN.TYPE, hook?.type),
      maybe(be32, NFTA_CHAIN.POLICY, policy && (policy === 'accept' ? 1 : 0)),
      hook &&
        nest(
          NFTA_CHAIN.HOOK,
          present(
            be32(NFTA_HOOK.HOOKNUM, hook.hook),
            be32(NFTA_HOOK.PRIORITY, hook.priority),
            maybe(string, NFTA_HOOK.DEV, hook.device),
          ),
        ),
    ),
  );
}

const NLM_F_APPEND = 0x800;
/** At the end of its chain, or (`first`) at its beginning. `userdata` comes back as it is. */
export const newRule = (
  { family, table }: TableName,
  chain: string,
  expressions: readonly Expression[],
  { first = false, userdata }: { readonly first?: boolean; readonly userdata?: Uint8Array } = {},
): NetlinkRequest =>
  make(
    NFT_MSG.NEWRULE,
    NLM_F.CREATE | (first ? 0 : NLM_F_APPEND),
    family,
    present(
      string(NFTA_RULE.TABLE, table),
      string(NFTA_RULE.CHAIN, chain),
      expressionList(NFTA_RULE.EXPRESSIONS, expressions),
      maybe(raw, NFTA_RULE.USERDATA, userdata),
    ),
  );
/** All rules of a chain, or of a table. */
export const deleteRules = ({ family, table }: TableName, chain?: string): NetlinkRequest =>
  make(NFT_MSG.DELRULE, 0, family, present(string(NFTA_RULE.TABLE, table), maybe(string, NFTA_RULE.CHAIN, chain)));

export interface NewSet {
  readonly name: string;
  /** Of the transaction. */
  readonly id: number;
  readonly flags: number;
  /** nft's number of the type, for those who list it. */
  readonly keyType: number;
  readonly keyLength: number;
  readonly data?: { readonly type: number; readonly length: number };
  readonly object?: NftObjectKind;
  readonly size?: number;
  /** Lengths of the parts of a concatenation. */
  readonly fields?: readonly number[];
  readonly timeoutMs?: number;
  readonly gcMs?: number;
  readonly policy?: number;
  readonly expressions?: readonly Expression[];
}
export function newSet({ family, table }: TableName, set: NewSet, exclusive: boolean): NetlinkRequest {
  const description = present(
    maybe(be32, NFTA_SET_DESC.SIZE, set.size),
    set.fields &&
      nest(
        NFTA_SET_DESC.CONCAT,
        set.fields.map((length) => nest(NFTA_LIST_ELEM, [be32(NFTA_SET_FIELD_LEN, length)])),
      ),
  );
  const [expression] = set.expressions ?? [];
  return make(
    NFT_MSG.NEWSET,
    NLM_F.CREATE | (exclusive ? NLM_F.EXCL : 0),
    family,
    present(
      string(NFTA_SET.TABLE, table),
      string(NFTA_SET.NAME, set.name),
      be32(NFTA_SET.FLAGS, set.flags),
      be32(NFTA_SET.KEY_TYPE, set.keyType),
      be32(NFTA_SET.KEY_LEN, set.keyLength),
      maybe(be32, NFTA_SET.DATA_TYPE, set.data?.type),
      maybe(be32, NFTA_SET.DATA_LEN, set.data?.length),
      maybe(be32, NFTA_SET.OBJ_TYPE, set.object && NFT_OBJECT[set.object]),
      be32(NFTA_SET.ID, set.id),
      maybe(be32, NFTA_SET.POLICY, set.policy),
      description.length > 0 ? nest(NFTA_SET.DESC, description) : undefined,
      maybe(be64, NFTA_SET.TIMEOUT, set.timeoutMs),
      maybe(be32, NFTA_SET.GC_INTERVAL, set.gcMs),
      expression && nest(NFTA_SET.EXPR, expressionBody(expression)),
    ),
  );
}

export interface SetElement {
  readonly key: Uint8Array;
  /** The last of a range of concatenations. */
  readonly keyEnd?: Uint8Array;
  /** Just behind the end of an interval. */
  readonly isEnd?: boolean;
  readonly data?: Data;
  readonly object?: string;
  readonly timeoutMs?: number;
  readonly expressions?: readonly Expression[];
}
export const newElements = (
  { family, table }: TableName,
  set: { readonly name: string; readonly id?: number },
  elements: readonly SetElement[],
): NetlinkRequest => elementsRequest(NFT_MSG.NEWSETELEM, NLM_F.CREATE, { family, table }, set, elements);
/** Without elements: all of them. */
export const deleteElements = (
  table: TableName,
  set: { readonly name: string },
  elements: readonly SetElement[],
): NetlinkRequest => elementsRequest(NFT_MSG.DELSETELEM, 0, table, set, elements);

const elementsRequest = (
  type: number,
  flags: number,
  { family, table }: TableName,
  { name, id }: { readonly name: string; readonly id?: number },
  elements: readonly SetElement[],
): NetlinkRequest =>
  make(
    type,
    flags,
    family,
    present(
      string(NFTA_SET_ELEM_LIST.TABLE, table),
      string(NFTA_SET_ELEM_LIST.SET, name),
      maybe(be32, NFTA_SET_ELEM_LIST.SET_ID, id),
      elements.length > 0
        ? nest(
            NFTA_SET_ELEM_LIST.ELEMENTS,
            elements.map((element, i) => nest(i + 1, elementAttributes(element))),
          )
        : undefined,
    ),
  );

function elementAttributes(element: SetElement): Attribute[] {
  const { expressions = [] } = element;
  const [expression] = expressions;
  return present(
    element.isEnd ? be32(NFTA_SET_ELEM.FLAGS, NFT_SET_ELEM_INTERVAL_END) : undefined,
    maybe(be64, NFTA_SET_ELEM.TIMEOUT, element.timeoutMs),
    data(NFTA_SET_ELEM.KEY, { value: element.key }),
    element.keyEnd && data(NFTA_SET_ELEM.KEY_END, { value: element.keyEnd }),
    element.data && data(NFTA_SET_ELEM.DATA, element.data),
    expressions.length === 1 && expression ? nest(NFTA_SET_ELEM.EXPR, expressionBody(expression)) : undefined,
    expressions.length > 1 ? expressionList(NFTA_SET_ELEM.EXPRESSIONS, expressions) : undefined,
    maybe(string, NFTA_SET_ELEM.OBJREF, element.object),
  );
}

export const newObject = (
  { family, table }: TableName,
  kind: NftObjectKind,
  name: string,
  attributes: readonly Attribute[],
  exclusive: boolean,
): NetlinkRequest =>
  make(NFT_MSG.NEWOBJ, NLM_F.CREATE | (exclusive ? NLM_F.EXCL : 0), family, [
    string(NFTA_OBJ.TABLE, table),
    string(NFTA_OBJ.NAME, name),
    be32(NFTA_OBJ.TYPE, NFT_OBJECT[kind]),
    nest(NFTA_OBJ.DATA, attributes),
  ]);
/** A named counter's beginning. */
export const counterAttributes = (packets: number, bytes: number): Attribute[] => [be64(1, bytes), be64(2, packets)];
export { quotaAttributes };

// --- reading ---

export const dumpRules = (): NetlinkRequest => dump(NFT_MSG.GETRULE, header(0));
export const dumpObjects = (): NetlinkRequest => dump(NFT_MSG.GETOBJ, header(0));

const familyNames = new Map<number, string>(Object.entries(nftFamilies).map(([name, number]) => [number, name]));
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes).replace(/\0.*$/s, '');
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const number64 = (bytes: Uint8Array | undefined): number => (bytes ? Number(view(bytes).getBigUint64(0)) : 0);
const number32 = (bytes: Uint8Array | undefined): number => (bytes ? view(bytes).getUint32(0) : 0);

export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}
export interface CountedRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly userdata?: Uint8Array;
  /** Of its first counter. */
  readonly counter?: Counted;
}

/** What a rule of a dump has counted. */
export function parseRule(payload: Uint8Array): CountedRule {
  const attributes = parseAttributes(payload.subarray(nfgenmsg.size));
  const counter = countersIn(attributes.get(NFTA_RULE.EXPRESSIONS))[0];
  const userdata = attributes.get(NFTA_RULE.USERDATA);
  return {
    family: familyNames.get(payload[0] ?? 0) ?? '?',
    table: text(attributes.get(NFTA_RULE.TABLE)),
    chain: text(attributes.get(NFTA_RULE.CHAIN)),
    ...(userdata && { userdata }),
    ...(counter && { counter }),
  };
}

function countersIn(expressions: Uint8Array | undefined): Counted[] {
  return listAttributes(expressions ?? new Uint8Array()).flatMap(([, expression]) => counterOf(expression) ?? []);
}

function counterOf(expression: Uint8Array): Counted | undefined {
  const parts = parseAttributes(expression);
  return text(parts.get(NFTA_EXPR.NAME)) === 'counter' ? counted(parts.get(NFTA_EXPR.DATA)) : undefined;
}

function counted(data: Uint8Array | undefined): Counted {
  const values = parseAttributes(data ?? new Uint8Array());
  return { packets: number64(values.get(2)), bytes: number64(values.get(1)) };
}

export interface NamedObject {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly kind: string;
  readonly counter?: Counted;
  /** Bytes that a quota has used. */
  readonly used?: number;
}
export function parseObject(payload: Uint8Array): NamedObject {
  const attributes = parseAttributes(payload.subarray(nfgenmsg.size));
  const type = number32(attributes.get(NFTA_OBJ.TYPE));
  const kind = Object.entries(NFT_OBJECT).find(([, value]) => value === type)?.[0] ?? String(type);
  const data = attributes.get(NFTA_OBJ.DATA);
  return {
    family: familyNames.get(payload[0] ?? 0) ?? '?',
    table: text(attributes.get(NFTA_OBJ.TABLE)),
    name: text(attributes.get(NFTA_OBJ.NAME)),
    kind,
    ...(kind === 'counter' && { counter: counted(data) }),
    ...(kind === 'quota' && { used: number64(parseAttributes(data ?? new Uint8Array()).get(4)) }),
  };
}
