/** Groups of multicast, and who joins them. */

import type { Place } from '../issue.ts';
import type { UdpWorkload } from '../request.ts';
import { contains, parsePrefix } from '../routes/prefix.ts';
import { type Network, pathTo } from '../routes/routing.ts';
import type { Node } from '../topology.ts';
import type { FlowPlan, GroupPlan } from './plans.ts';
import { findNode } from './target.ts';

const groups = ['224.0.0.0/4', 'ff00::/8'].flatMap((text) => parsePrefix(text) ?? []);

const DEFAULT_TTL = 16;

export const isGroup = (to: string): boolean => {
  const address = parsePrefix(to);
  return address !== undefined && groups.some((one) => contains(one, address));
};

/** What is wrong with one of datagrams has been told. */
export const notGroup = (place: Place, { type, to }: { readonly type: string; readonly to: string }): undefined =>
  type === 'udp'
    ? undefined
    : place.at('to').fail('bad-option', `${to} is a group: udp alone sends to one, with receivers`);

/** A group, and who joins it: each by the interface that is on the way from the sender. */
export function planGroup(
  place: Place,
  { to, receivers, ttl = DEFAULT_TTL }: UdpWorkload,
  from: Node | undefined,
  network: Network,
): { readonly target: Pick<FlowPlan, 'target' | 'address' | 'isOverlay'>; readonly plan: GroupPlan } | undefined {
  const address = parsePrefix(to);
  if (!address || !isGroup(to)) {
    if (receivers !== undefined) place.at('to').fail('bad-option', `receivers join a group: ${to} is none`);
    return undefined;
  }
  if (!receivers?.length) return place.at('receivers').fail('bad-option', 'who joins the group? One node at least');
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) place.at('ttl').fail('bad-option', `${ttl} is no ttl: 1 to 255`);
  const { family } = address;
  const joined = receivers.flatMap((name, i) => {
    const at = place.at('receivers').at(i);
    const node = findNode(at, name, network);
    if (!node || !from) return [];
    if (node === from) return at.fail('bad-option', 'the sender is no receiver') ?? [];
    const ways = node.ports
      .flatMap((port) => port.interfaces)
      .flatMap((through) => {
        const way = pathTo(from, through, family, network);
        return way?.[0] ? [{ node, through, out: way[0].through, hops: way.length }] : [];
      });
    const [nearest] = ways.toSorted((a, b) => a.hops - b.hops);
    return nearest ?? at.fail('unreachable', `there is no way from ${from.name} to ${name}`) ?? [];
  });
  const [first] = joined;
  return (
    first && {
      target: { target: first.through, address, isOverlay: true },
      plan: { ttl, out: first.out, receivers: joined.map(({ node, through }) => ({ node, through })) },
    }
  );
}
