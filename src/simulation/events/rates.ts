/** The rates that links have now, as events change them: what a sample's queues and counters are to be held against. */

import type { Direction } from '../links/direction.ts';
import type { Link } from '../plan/topology.ts';
import type { Way } from './event.ts';

export class LinkRates {
  readonly #rates = new Map<Link, [number | undefined, number | undefined]>();

  constructor(directions: ReadonlyMap<Link, readonly [Direction, Direction]>) {
    for (const [link, [forward, reverse]] of directions)
      this.#rates.set(link, [forward.report.rateBps, reverse.report.rateBps]);
  }

  set(link: Link, way: Way, rateBps: number | undefined): void {
    const rates = this.#rates.get(link);
    if (rates) rates[way] = rateBps;
  }

  /** Bits a second, both ways; those that have one. */
  of(link: Link): { readonly forward_bps?: number; readonly reverse_bps?: number } {
    const [forward, reverse] = this.#rates.get(link) ?? [];
    return {
      ...(forward !== undefined && { forward_bps: forward }),
      ...(reverse !== undefined && { reverse_bps: reverse }),
    };
  }
}
