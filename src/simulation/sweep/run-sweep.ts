/** Runs a network once for each combination of values: all are looked at before the first one starts. */

import { HostError } from '../../errors/host-error.ts';
import type { Issue } from '../plan/issue.ts';
import { badSimulation, type PlannedSimulation, type RunOptions, type TimedResult } from '../simulate.ts';
import { expandSweep, type SweepRun } from './expand.ts';

export interface PlannedRun {
  readonly values: SweepRun['values'];
  /** Made when it is run: a thousand networks of hundreds of hosts would fill memory. */
  plan(): PlannedSimulation;
}

/** One that has run: what came of it, or why nothing did. The others run all the same. */
export interface SweptRun {
  readonly values: SweepRun['values'];
  readonly ran?: TimedResult;
  readonly problem?: unknown;
}

/** Places that are told. */
const MOST_ISSUES = 20;

/**
 * Rejects with `bad-simulation` with what is wrong with the sweep, or with networks that it makes. Each is planned for that, with a
 * `turn` of the event loop behind it: others wait for one network, not for a thousand. It ends with what `turn` rejects with.
 */
export async function planSweep(
  network: Readonly<Record<string, unknown>>,
  axes: unknown,
  plan: (network: unknown) => PlannedSimulation,
  turn: () => Promise<unknown> = async () => {},
): Promise<readonly PlannedRun[]> {
  const expanded = expandSweep(network, axes);
  if ('issues' in expanded) throw badSimulation(expanded.issues);
  /** What is wrong, and with how many of them. */
  const wrong = new Map<string, { readonly issue: Issue; readonly values: SweepRun['values']; times: number }>();
  const runs: PlannedRun[] = [];
  for (const { values, network: one } of expanded.runs) {
    try {
      plan(one);
      runs.push({ values, plan: () => plan(one) });
    } catch (cause) {
      for (const issue of issuesOf(cause)) {
        const key = `${issue.path} ${issue.message}`;
        const known = wrong.get(key);
        if (known) known.times++;
        else wrong.set(key, { issue, values, times: 1 });
      }
    }
    await turn();
  }
  if (wrong.size === 0) return runs;
  throw badSimulation(
    [...wrong.values()].slice(0, MOST_ISSUES).map(({ issue, values, times }) => ({
      ...issue,
      // What is wrong with each of them is not a matter of values.
      message: times === expanded.runs.length ? issue.message : `with ${wordsOf(values)}: ${issue.message}`,
    })),
  );
}

/** One after another: each has a kernel of its own, and the next begins when whoever iterates has taken the last. */
export async function* runSweep(
  runs: readonly PlannedRun[],
  options: (left: number) => RunOptions,
): AsyncGenerator<SweptRun, void, void> {
  for (const [i, { values, plan }] of runs.entries()) {
    const asked = options(runs.length - i);
    try {
      yield { values, ran: await plan().run(asked) };
    } catch (problem) {
      // Whoever stopped it wants no more of them.
      asked.signal?.throwIfAborted();
      yield { values, problem };
    }
  }
}

function issuesOf(cause: unknown): readonly Issue[] {
  if (!(cause instanceof HostError) || cause.kind !== 'bad-simulation') throw cause;
  const { errors } = cause.members;
  return errors as readonly Issue[];
}

/** links[0].delay = "10ms" */
const wordsOf = (values: SweepRun['values']): string =>
  Object.entries(values)
    .map(([path, value]) => `${path} = ${JSON.stringify(value)}`)
    .join(', ');
