/** From the workloads of a request to their plans. */

import { checkSteps, placesOf } from '../../run/calls/steps.ts';
import { planCommand, planExit } from '../command-plan.ts';
import type { Place } from '../issue.ts';
import type { SimulationRequest, WorkloadSpec } from '../request.ts';
import type { Network } from '../routes/routing.ts';
import { readDscp, readTime } from '../words.ts';
import { planOnOff, planPing, planUdp } from './datagrams.ts';
import { isGroup, notGroup, planGroup } from './group.ts';
import type { FlowPlan, WorkloadPlan } from './plans.ts';
import { planReplayed } from './replay.ts';
import { planFlows, planRequestResponse, planTcp } from './streams.ts';
import { findNode, findTarget } from './target.ts';

const firstPort = 5001;

export function planWorkloads(place: Place, request: SimulationRequest, network: Network): WorkloadPlan[] {
  checkNames(place.at('workloads'), request.workloads ?? []);
  const planned = (request.workloads ?? []).flatMap(
    (spec, index) => planWorkload(place.at('workloads').at(index), spec, index, network) ?? [],
  );
  // The setting is the host's: where one flow changes it, the others that begin there are told apart.
  const choosy = new Set(planned.flatMap((flow) => ('options' in flow && flow.options.ecn ? [flow.from] : [])));
  return planned.map((flow) =>
    'options' in flow && choosy.has(flow.from) && !flow.options.ecn
      ? { ...flow, options: { ...flow.options, ecn: 'host' } }
      : flow,
  );
}

/** Events and tables call them by their names. */
function checkNames(place: Place, workloads: readonly WorkloadSpec[]): void {
  const taken = new Map<string, number>();
  for (const [i, spec] of workloads.entries()) {
    const name = spec.name ?? `${spec.type}-${i}`;
    const other = taken.get(name);
    if (other !== undefined) place.at(i).at('name').fail('duplicate', `workloads[${other}] is called ${name} too`);
    taken.set(name, i);
  }
}

/** Flows whose packets say themselves what they are able to. */
const isOfDatagrams = (spec: Exclude<WorkloadSpec, { type: 'syscalls' | 'exec' }>): boolean =>
  spec.type === 'udp' ||
  spec.type === 'ping' ||
  spec.type === 'replay' ||
  (spec.type === 'on-off' && spec.protocol === 'udp');

/** ECT(0), ECT(1) of RFC 3168. */
const codepointOf = (ecn: boolean | string | undefined): number => (ecn === 'ect1' ? 1 : ecn ? 2 : 0);

function planWorkload(place: Place, spec: WorkloadSpec, index: number, network: Network): WorkloadPlan | undefined {
  const startNs = readTime(place.at('start'), spec.start) ?? 0;
  const name = spec.name ?? `${spec.type}-${index}`;
  if (spec.type === 'syscalls') {
    const on = findNode(place.at('on'), spec.on, network);
    checkSteps(place.at('batch'), spec.batch);
    const { batch, onError = 'stop' } = spec;
    const places = new Map(placesOf(place.at('batch'), batch));
    return on && { type: 'syscalls', index, name, on, startNs, batch, places, onError };
  }
  if (spec.type === 'exec') {
    const on = findNode(place.at('on'), spec.on, network);
    const argv = planCommand(place.at('command'), spec.command);
    const exit = planExit(place.at('exit'), spec.exit);
    const { stdin, background = false } = spec;
    if (!on || !argv) return undefined;
    return { type: 'exec', index, name, on, startNs, argv, background, exit, ...(stdin !== undefined && { stdin }) };
  }
  const from = findNode(place.at('from'), spec.from, network);
  const group = spec.type === 'udp' ? planGroup(place, spec, from, network) : undefined;
  const to =
    group?.target ?? (isGroup(spec.to) ? notGroup(place, spec) : findTarget(place.at('to'), spec, from, network));
  if (!from || !to) return undefined;
  const dscp = readDscp(place.at('dscp'), spec.dscp);
  const able = isOfDatagrams(spec) ? codepointOf(spec.ecn) : 0;
  const flow: FlowPlan = {
    index,
    name,
    from,
    to: to.target.port.node,
    ...to,
    port: firstPort + index,
    startNs,
    ...((dscp !== undefined || able > 0) && { tos: ((dscp ?? 0) << 2) | able }),
  };
  switch (spec.type) {
    case 'tcp':
      return planTcp(place, spec, flow);
    case 'udp':
      return { ...planUdp(place, spec, flow), ...(group && { group: group.plan }) };
    case 'ping':
      return planPing(place, spec, flow);
    case 'rr':
      return planRequestResponse(place, spec, flow);
    case 'on-off':
      return planOnOff(place, spec, flow);
    case 'flows':
      return planFlows(place, spec, flow);
    case 'replay':
      return planReplayed(place, spec, flow, network);
  }
}
