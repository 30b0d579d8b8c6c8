/** A rule on its way to nf_tables: the steps so far, what is known of the packets that come to the next one, and its sets. */

import type { NetlinkRequest } from '../../../abi/netlink/message.ts';
import type { NftFamily } from '../../../abi/netlink/nftables/constants.ts';
import { cmp, type Expression, metaLoad } from '../../../abi/netlink/nftables/expressions.ts';
import type { TableName } from '../../../abi/netlink/nftables/messages.ts';
import type { Place } from '../../plan/issue.ts';
import type { DataType, NameContext } from './data-types.ts';
import type { Header } from './fields.ts';

/** A set, a map or a map of verdicts or objects that rules can name. */
export interface KnownSet {
  readonly name: string;
  readonly key: readonly DataType[];
  readonly data?: DataType | 'verdict' | 'object';
  readonly isInterval: boolean;
}

/** What the ruleset has made up to here. */
export interface Ruleset {
  readonly names: NameContext;
  /** By "family table name". */
  readonly sets: Map<string, KnownSet>;
  nextSetId(): number;
}

const L4PROTO = 16;
const NFPROTO = 15;
const PROTOCOL = 1;
const etherTypes = { ip: 0x0800, ip6: 0x86dd, arp: 0x0806, vlan: 0x8100 } as const;
const nfprotos = { ip: 2, ip6: 10 } as const;

/** Registers of 16 bytes: 1 to 4. */
export const REGISTER = 1;

export class RuleContext {
  readonly table: TableName;
  readonly ruleset: Ruleset;
  readonly expressions: Expression[] = [];
  /** Sets without a name that the rule brings: they are made in front of it. */
  readonly before: NetlinkRequest[] = [];
  /** ip, ip6 or arp, once a step has made sure. */
  network: string | undefined;
  /** IPPROTO, or several of which a step has made sure. */
  transport: number | 'some' | undefined;

  constructor(table: TableName, ruleset: Ruleset) {
    this.table = table;
    this.ruleset = ruleset;
    this.network = table.family === 'ip' || table.family === 'ip6' || table.family === 'arp' ? table.family : undefined;
  }

  add(...expressions: readonly Expression[]): void {
    this.expressions.push(...expressions);
  }

  /** Steps that make sure that packets have this header, unless earlier ones have. */
  require(place: Place, { needs, within }: Pick<Header, 'needs' | 'within'>, name: string): void {
    const network = typeof needs === 'string' ? needs : within;
    if (network !== undefined) this.requireNetwork(place, network, name);
    if (typeof needs === 'number') this.requireTransport(place, needs, name);
    else if (name === 'th' && this.transport === undefined)
      place.fail(
        'bad-option',
        'a rule looks at ports of "th" once it has matched a protocol of transport (meta l4proto)',
      );
  }

  requireNetwork(place: Place, network: 'ip' | 'ip6' | 'arp' | 'vlan', name: string): void {
    if (this.network === network) return;
    if (this.network !== undefined && network !== 'vlan') {
      place.fail('bad-option', `${name} is of ${network}, and packets here are of ${this.network}`);
      return;
    }
    const { family } = this.table;
    if (network === 'ip' || network === 'ip6') {
      if (family === 'inet')
        this.add(metaLoad(NFPROTO, REGISTER), cmp(REGISTER, '==', Uint8Array.of(nfprotos[network])));
      else this.#requireEtherType(network);
    } else if (family === 'bridge' || family === 'netdev') this.#requireEtherType(network);
    else {
      place.fail('bad-option', `tables of ${family} see no ${network}`);
      return;
    }
    if (network !== 'vlan') this.network = network;
  }

  #requireEtherType(network: keyof typeof etherTypes): void {
    const type = etherTypes[network];
    this.add(metaLoad(PROTOCOL, REGISTER), cmp(REGISTER, '==', Uint8Array.of(type >> 8, type & 0xff)));
  }

  requireTransport(place: Place, protocol: number, name: string): void {
    if (this.transport === protocol) return;
    if (typeof this.transport === 'number') {
      place.fail('bad-option', `${name} is another protocol than the rule has matched`);
      return;
    }
    this.add(metaLoad(L4PROTO, REGISTER), cmp(REGISTER, '==', Uint8Array.of(protocol)));
    this.transport = protocol;
  }

  /** What a comparison has told. */
  learn(what: 'network' | 'transport', value: Uint8Array | 'some'): void {
    const number = value === 'some' ? undefined : value.reduce((sum, byte) => sum * 256 + byte, 0);
    if (what === 'transport') this.transport = number ?? 'some';
    else if (number !== undefined)
      this.network =
        number === nfprotos.ip || number === etherTypes.ip
          ? 'ip'
          : number === nfprotos.ip6 || number === etherTypes.ip6
            ? 'ip6'
            : 'arp';
  }

  setNamed(place: Place, reference: string): KnownSet | undefined {
    const name = reference.slice(1);
    return (
      this.ruleset.sets.get(setKey(this.table, name)) ??
      place.fail('bad-option', `there is no set or map ${name} in table ${this.table.family} ${this.table.table}`)
    );
  }
}

export const setKey = (
  { family, table }: { readonly family: NftFamily; readonly table: string },
  name: string,
): string => `${family} ${table} ${name}`;
