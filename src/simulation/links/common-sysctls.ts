/** Settings of which Linux has one for all network namespaces, and lets the first one alone set it: here every node's, whichever asks for it. */

import type { Place } from '../plan/issue.ts';

interface Node {
  readonly name: string;
  readonly place: Place;
  readonly spec: { readonly sysctls?: Readonly<Record<string, string | number>> };
}

const common: readonly string[] = [
  'net.core.rmem_default',
  'net.core.rmem_max',
  'net.core.wmem_default',
  'net.core.wmem_max',
  'net.netfilter.nf_conntrack_max',
  'net.netfilter.nf_conntrack_expect_max',
];

export const isCommon = (key: string): boolean => common.includes(key);

const askedBy = ({ spec }: Node, key: string): string | undefined => {
  const value = spec.sysctls?.[key];
  return value === undefined ? undefined : String(value);
};

/** The first node that asks for it says which value; one that asks for another cannot have it. */
export function checkCommon(nodes: Iterable<Node>): void {
  const all = [...nodes];
  for (const key of common) {
    const asks = all.filter((node) => askedBy(node, key) !== undefined);
    const [first] = asks;
    if (!first) continue;
    const others = asks.filter((node) => askedBy(node, key) !== askedBy(first, key));
    for (const node of others)
      node.place
        .at('sysctls')
        .at(key)
        .fail(
          'bad-option',
          `Linux has one for all its network namespaces, and ${first.name} has ${askedBy(first, key)}`,
        );
    if (asks.length < all.length)
      first.place.at('sysctls').at(key).warn('Linux has one for all its network namespaces: it is set for every node');
  }
}

/** Those that are asked for, each by the node that says its value. */
export const commonOf = <N extends Node>(nodes: Iterable<N>): ReadonlyMap<string, N> =>
  new Map(
    [...nodes]
      .reverse()
      .flatMap((node) => common.flatMap((key) => (askedBy(node, key) === undefined ? [] : [[key, node] as const]))),
  );
