/** What becomes of a packet, and what is counted, as nft's JSON says it. */

import { counter, type Expression, type Verdict } from '../../../abi/netlink/nftables/expressions.ts';
import type { Place } from '../../plan/issue.ts';
import { only, readNumber, readText } from '../json.ts';

const plain = ['accept', 'drop', 'continue', 'return'] as const;
const jumps = ['jump', 'goto'] as const;

export const isVerdict = (name: string): boolean => [...plain, ...jumps].some((one) => one === name);

/** {"accept": null}, {"jump": {"target": "chain"}} … */
export function readVerdict(place: Place, json: unknown): Verdict | undefined {
  const [name, value] = only(json) ?? [];
  const simple = plain.find((one) => one === name);
  if (simple) return value === null ? { code: simple } : place.at(simple).fail('bad-option', `${simple} is null`);
  const jump = jumps.find((one) => one === name);
  if (!jump)
    return place.fail('bad-option', `${JSON.stringify(json)} is no verdict: ${[...plain, ...jumps].join(', ')}`);
  const { target } = place.at(jump).members(value, jump, ['target']) ?? {};
  const chain = readText(place.at(jump).at('target'), target, 'name of a chain');
  return chain === undefined ? undefined : { code: jump, chain };
}

/** null, or what it begins with. */
export function readCounter(place: Place, json: unknown): Expression | undefined {
  if (json === null) return counter();
  const { packets = 0, bytes = 0 } = place.members(json, 'counter', ['packets', 'bytes']) ?? {};
  return counter(
    readNumber(place.at('packets'), packets, 'number of packets') ?? 0,
    readNumber(place.at('bytes'), bytes, 'number of bytes') ?? 0,
  );
}
