/** Warns of times that make numbers mean something else than they seem to: phase effects, answers that come too late. */

import type { Direction } from '../links/direction.ts';
import type { Place } from './issue.ts';
import { pathTowards, type Wiring } from './routes/path.ts';
import { isOnHost, type TcpPlan, type WorkloadPlan } from './workloads/plans.ts';

interface Timed extends Wiring {
  readonly durationNs: number;
  readonly workloads: readonly WorkloadPlan[];
}

export function warnOfTiming(place: Place, plan: Timed): void {
  warnOfPhases(place, plan);
  warnOfLateAnswers(place, plan);
}

/** Qdiscs that drop what does not fit, and decide nothing at random. */
const dropTail: readonly (string | undefined)[] = ['bfifo', 'pfifo'];

/** Floyd and Jacobson, On Traffic Phase Effects in Packet-Switched Gateways (1992). */
function warnOfPhases(place: Place, plan: Timed): void {
  const firsts = new Map<Direction, TcpPlan>();
  for (const workload of plan.workloads) {
    if (workload.type !== 'tcp') continue;
    const path = pathTowards(workload.from, workload.target.port, plan);
    if (path.some(({ there, back }) => isRandom(there) || isRandom(back))) continue;
    for (const { there, link } of path) {
      if (!dropTail.includes(there.report.queue)) continue;
      const first = firsts.get(there);
      if (!first) firsts.set(there, workload);
      else if (first.startNs === workload.startNs) {
        place
          .at('workloads')
          .at(workload.index)
          .at('start')
          .warn(
            `it begins at the same instant as ${first.name}, and nothing at ${link.name} is random: two such flows may share unevenly for ever. "perturb": "1ms" for all links, another start, or an AQM ends that`,
          );
        return;
      }
    }
  }
}

const isRandom = ({ steps }: Direction): boolean =>
  steps.some(
    (step) =>
      step.step === 'qdisc' &&
      step.options.kind === 'netem' &&
      Object.keys(step.options).some((key) => chances.includes(key)),
  );

const chances = ['jitterNs', 'loss', 'lossModel', 'duplicate', 'corrupt', 'reorder'];

/** What sends as fast as it can. */
const unbounded: readonly string[] = ['tcp', 'rr', 'flows'];

function warnOfLateAnswers(place: Place, plan: Timed): void {
  for (const workload of plan.workloads) {
    if (isOnHost(workload)) continue;
    const path = pathTowards(workload.from, workload.target.port, plan);
    const roundNs = path.reduce((ns, { there, back }) => ns + there.report.delayNs + back.report.delayNs, 0);
    const at = place.at('workloads').at(workload.index);
    const seconds = (ns: number) => `${Number((ns / 1e9).toPrecision(4))} s`;
    if (workload.type === 'ping' && workload.timeoutNs < roundNs)
      at.at('timeout').warn(
        `the links alone take ${seconds(roundNs)} there and back: the last answers come after ${seconds(workload.timeoutNs)} and count as lost`,
      );
    if (workload.startNs >= plan.durationNs) at.at('start').warn('the simulation has ended by then');
    const lastsNs = 'durationNs' in workload ? workload.durationNs : undefined;
    if (lastsNs !== undefined && workload.startNs < plan.durationNs && workload.startNs + lastsNs > plan.durationNs)
      at.at('duration').warn(
        `the simulation ends after ${seconds(plan.durationNs)}, and it with it: "duration" of the whole says how long that is`,
      );
    if (
      unbounded.includes(workload.type) &&
      path.every(({ there }) => there.report.rateBps === undefined) &&
      roundNs === 0
    )
      at.warn('no link on its way has a rate or a delay, so that virtual time hardly passes: its rates say nothing');
    const isOneWay = workload.type === 'udp' || (workload.type === 'on-off' && workload.intervalNs !== undefined);
    const onceNs = isOneWay ? path.reduce((ns, { there }) => ns + there.report.delayNs, 0) : roundNs;
    if (workload.startNs < plan.durationNs && workload.startNs + onceNs > plan.durationNs)
      at.warn(
        `the simulation ends before the links have carried anything there${isOneWay ? '' : ' and back'} (${seconds(onceNs)})`,
      );
  }
}
