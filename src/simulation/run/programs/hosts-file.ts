/** What programs know hosts by: the names of the request, as hosts(5) has them. */

import type { Plan } from '../../plan/plan.ts';
import { formatAddress } from '../../plan/routes/prefix.ts';

/** A line for each address of each node. Of several a program takes the one that is the nearest to its own (RFC 6724). */
export const hostsFile = ({ addressing }: Pick<Plan, 'addressing'>): string =>
  [...addressing]
    .flatMap(([{ port }, addresses]) => addresses.map((address) => `${formatAddress(address)}\t${port.node.name}\n`))
    .join('');
