/** Programs of hosts, as the request has them: a line for a shell, or words; and how they are to end. */

import type { Place } from './issue.ts';
import type { Command, ExitSpec, SetupSpec } from './request.ts';
import type { Node, Topology } from './topology.ts';

export interface SetupPlan {
  readonly place: Place;
  readonly argv: readonly string[];
  readonly exit: ExitPlan;
}

/** How a program is to end. */
export interface ExitPlan {
  /** Absent: however it likes. */
  readonly statuses?: readonly number[];
  /** The request says so. */
  readonly isAsked: boolean;
}

/** The words of the program that is executed. */
export function planCommand(place: Place, command: Command): readonly string[] | undefined {
  const argv = typeof command === 'string' ? ['sh', '-c', command] : command;
  if (argv.length === 0 || argv[0] === '') return place.fail('bad-option', 'which program? There is no word');
  if (argv.some((word) => word.includes('\0'))) return place.fail('bad-option', 'a word with a NUL');
  return argv;
}

const MOST_STATUS = 255;

export function planExit(place: Place, exit: ExitSpec | undefined): ExitPlan {
  if (exit === 'any') return { isAsked: true };
  const statuses = typeof exit === 'number' ? [exit] : (exit ?? [0]);
  if (statuses.length === 0)
    place.fail('bad-option', 'no program ends in none of all ways: a number, several, or "any"');
  for (const status of statuses)
    if (!Number.isInteger(status) || status < 0 || status > MOST_STATUS)
      place.fail('bad-option', `${status} is no exit code: 0 to ${MOST_STATUS}, a signal's is 128 and its number`);
  return { statuses, isAsked: exit !== undefined };
}

const isBare = (spec: SetupSpec): spec is Command => typeof spec === 'string' || Array.isArray(spec);

/** What each host runs before anything begins, in order. */
export function planSetups({ nodes }: Topology): ReadonlyMap<Node, readonly SetupPlan[]> {
  const setups = new Map<Node, readonly SetupPlan[]>();
  for (const node of nodes.values()) {
    const all = node.role === 'switch' ? [] : (node.spec.setup ?? []);
    const planned = all.flatMap((spec, i) => {
      const place = node.place.at('setup').at(i);
      const argv = isBare(spec) ? planCommand(place, spec) : planCommand(place.at('command'), spec.command);
      const exit = planExit(place.at('exit'), isBare(spec) ? undefined : spec.exit);
      return argv ? [{ place, argv, exit }] : [];
    });
    if (planned.length > 0) setups.set(node, planned);
  }
  return setups;
}
