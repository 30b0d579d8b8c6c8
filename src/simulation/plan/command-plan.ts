/** Programs of hosts, as the request has them: a line for a shell, or words. */

import type { Place } from './issue.ts';
import type { Command } from './request.ts';
import type { Node, Topology } from './topology.ts';

export interface SetupPlan {
  readonly place: Place;
  readonly argv: readonly string[];
}

/** The words of the program that is executed. */
export function planCommand(place: Place, command: Command): readonly string[] | undefined {
  const argv = typeof command === 'string' ? ['sh', '-c', command] : command;
  if (argv.length === 0 || argv[0] === '') return place.fail('bad-option', 'which program? There is no word');
  if (argv.some((word) => word.includes('\0'))) return place.fail('bad-option', 'a word with a NUL');
  return argv;
}

/** What each host runs before anything begins, in order. */
export function planSetups({ nodes }: Topology): ReadonlyMap<Node, readonly SetupPlan[]> {
  const setups = new Map<Node, readonly SetupPlan[]>();
  for (const node of nodes.values()) {
    const all = node.role === 'switch' ? [] : (node.spec.setup ?? []);
    const planned = all.flatMap((command, i) => {
      const place = node.place.at('setup').at(i);
      const argv = planCommand(place, command);
      return argv ? [{ place, argv }] : [];
    });
    if (planned.length > 0) setups.set(node, planned);
  }
  return setups;
}
