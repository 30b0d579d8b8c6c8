/** How evenly TCP flows share links: Jain's index, among those only that met at a link and did not fail. */

import type { Direction } from '../links/direction.ts';
import type { Plan } from '../plan/plan.ts';
import { pathTowards } from '../plan/routes/path.ts';
import type { WorkloadResult } from './results.ts';
import { jainIndex } from './stats.ts';

export interface Fairness {
  /** Of all TCP flows, if they are two or more and there is a link that all of them pass the same way. */
  readonly overall?: number;
  /** Of the flows through each direction of a link, where they are two or more. */
  readonly byDirection: ReadonlyMap<Direction, number>;
}

/** `flows` are in the order of the plan's workloads. */
export function fairnessOf(plan: Plan, flows: readonly WorkloadResult[]): Fairness {
  const shares = new Map<Direction, number[]>();
  let counted = 0;
  for (const [i, flow] of flows.entries()) {
    const workload = plan.workloads[i];
    if (flow.type !== 'tcp' || workload?.type !== 'tcp') continue;
    if (flow.error !== undefined || flow.duration_s <= 0) continue;
    counted++;
    for (const { there } of pathTowards(workload.from, workload.target.port, plan))
      shares.set(there, [...(shares.get(there) ?? []), flow.goodput_bps]);
  }
  const indices = [...shares].flatMap(([direction, rates]): [Direction, number, number][] => {
    const index = rates.length > 1 ? jainIndex(rates) : undefined;
    return index === undefined ? [] : [[direction, index, rates.length]];
  });
  const common = indices.find(([, , members]) => members === counted);
  return {
    ...(common && { overall: common[1] }),
    byDirection: new Map(indices.map(([direction, index]) => [direction, index])),
  };
}
