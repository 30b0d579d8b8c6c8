/** Workloads of TCP alone: transfers, requests and their answers, flows by size. */

import type { Place } from '../issue.ts';
import type { FlowsWorkload, RequestResponseWorkload, TcpWorkload } from '../request.ts';
import { readSize, readTime } from '../words.ts';
import type { FlowPlan, FlowsPlan, RequestResponsePlan, TcpPlan } from './plans.ts';
import { planTcpOptions } from './tcp-options.ts';
import { given, readCount } from './values.ts';

export function planTcp(place: Place, spec: TcpWorkload, flow: FlowPlan): TcpPlan {
  const bytes = readSize(place.at('bytes'), spec.bytes);
  const durationNs = readTime(place.at('duration'), spec.duration);
  if (bytes !== undefined && durationNs !== undefined) place.fail('bad-option', 'a transfer has bytes or a duration');
  if (bytes === 0) place.at('bytes').fail('bad-option', 'a transfer of no bytes');
  const parallel = readCount(place.at('parallel'), spec.parallel, 128) ?? 1;
  return { type: 'tcp', ...flow, ...given({ bytes, durationNs }), parallel, options: planTcpOptions(place, spec) };
}

export function planRequestResponse(place: Place, spec: RequestResponseWorkload, flow: FlowPlan): RequestResponsePlan {
  const size = (key: 'request' | 'response') => {
    const bytes = readSize(place.at(key), spec[key]) ?? 1;
    if (bytes < 1) place.at(key).fail('bad-option', `a ${key} has a byte at least`);
    return bytes;
  };
  return {
    type: 'rr',
    ...flow,
    request: size('request'),
    response: size('response'),
    ...given({
      count: readCount(place.at('count'), spec.count, 1e9),
      durationNs: readTime(place.at('duration'), spec.duration),
    }),
    thinkNs: readTime(place.at('think'), spec.think) ?? 0,
    reconnect: spec.reconnect ?? false,
    options: planTcpOptions(place, spec),
  };
}

const mostFlows = 100_000;

export function planFlows(place: Place, spec: FlowsWorkload, flow: FlowPlan): FlowsPlan {
  const at = place.at('sizes');
  const isDistribution = spec.sizes.some((row) => typeof row === 'object');
  if (spec.sizes.length === 0 || spec.sizes.length > mostFlows)
    at.fail('bad-option', `a list of 1 to ${mostFlows} sizes`);
  if (spec.perSecond !== undefined && !(spec.perSecond > 0))
    place.at('perSecond').fail('impossible-rate', `${spec.perSecond} flows a second`);
  const common = {
    type: 'flows',
    ...flow,
    ...given({ perSecond: spec.perSecond }),
    options: planTcpOptions(place, spec),
  } as const;
  if (!isDistribution) {
    if (spec.count !== undefined) place.at('count').fail('bad-option', 'a list of sizes has a flow each');
    return {
      ...common,
      sizes: (spec.sizes as readonly string[]).map((text, i) => Math.max(1, readSize(at.at(i), text) ?? 1)),
    };
  }
  const rows = (spec.sizes as readonly (readonly [number, number])[]).map(
    ([bytes, percent]) => [bytes, percent / 100] as const,
  );
  const rises = rows.every(
    ([bytes, share], i) => bytes >= Math.max(1, rows[i - 1]?.[0] ?? 1) && share >= (rows[i - 1]?.[1] ?? 0),
  );
  if (!rises || rows.at(-1)?.[1] !== 1)
    at.fail('bad-option', 'rows of [bytes, cumulative percent], both rising, the last at 100');
  return { ...common, sizes: { rows, count: readCount(place.at('count'), spec.count, mostFlows) ?? 100 } };
}
