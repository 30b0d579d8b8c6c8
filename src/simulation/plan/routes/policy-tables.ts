/** Tables of routes beside the main one, and the rules that send packets there: by their source, mark, or where they came in. */

import type { Place } from '../issue.ts';
import type { RouteSpec } from '../request.ts';
import { type Family, type InterfaceAddress, networkOf, parsePrefix } from './prefix.ts';

/** ip-rule(8): packets of which all of this is so look in the table. */
export interface HostRule {
  readonly place: Place;
  readonly family: Family;
  readonly from?: InterfaceAddress;
  readonly fwmark?: number;
  readonly iif?: string;
  readonly table: number;
  readonly priority: number;
}

/** Those that no one names are chosen from here on: MPTCP's are below. */
const FIRST_TABLE = 1000;
/** Before the main table's rule (32766), in the order of the request. */
const FIRST_PRIORITY = 1000;

export class PolicyTables {
  readonly #byselector = new Map<string, HostRule>();

  get rules(): readonly HostRule[] {
    return [...this.#byselector.values()];
  }

  /** Where the route goes; undefined: the main table. Routes with the same selectors share a table. */
  tableOf(place: Place, { table, from, fwmark, iif }: RouteSpec, family: Family): number | undefined {
    if (table !== undefined && (!Number.isInteger(table) || table < 1 || table > 0xffff_ffff))
      return place.at('table').fail('bad-option', `${table} is no table: a number from 1 on`);
    if (from === undefined && fwmark === undefined && iif === undefined) return table;
    const source = from === undefined ? undefined : parsePrefix(from);
    if (from !== undefined && source?.family !== family)
      return place.at('from').fail('bad-address', `${JSON.stringify(from)} is no address or network of ${family}`);
    if (fwmark !== undefined && (!Number.isInteger(fwmark) || fwmark < 1 || fwmark > 0xffff_ffff))
      return place.at('fwmark').fail('bad-option', `${fwmark} is no mark: a number from 1 on`);
    const selector = JSON.stringify([family, from, fwmark, iif, table]);
    const known = this.#byselector.get(selector);
    if (known) return known.table;
    const n = this.#byselector.size;
    const rule = {
      place,
      family,
      ...(source && { from: networkOf(source) }),
      ...(fwmark !== undefined && { fwmark }),
      ...(iif !== undefined && { iif }),
      table: table ?? FIRST_TABLE + n,
      priority: FIRST_PRIORITY + n,
    };
    this.#byselector.set(selector, rule);
    return rule.table;
  }
}
