/** What every class has below it, whichever scheduler it is of: a queue, and the filters that lead packets there. */

import { handle } from '../../../abi/netlink/tc/tc.ts';
import type { Place } from '../../plan/issue.ts';
import type { QueueSpec } from '../../plan/request.ts';
import { planMatch } from './match.ts';
import { planQueue } from './queue.ts';
import type { TcStep } from './step.ts';

/** Minor numbers of classes begin here: 1 is the one of the whole link. */
export const FIRST_MINOR = 0x10;
/** Minor numbers have 16 bits, and each class has a queue with a handle of its own. */
export const MOST_CLASSES = 1000;

interface ClassContext {
  /** The handle of the scheduler. */
  readonly handle: number;
  /** Bytes a second, of the class or of the whole link, when known. */
  readonly rate: number | undefined;
  readonly limitBytes: number;
  /** The longest frame of the link. */
  readonly frameBytes: number;
  /** Its frames carry VLAN tags, behind which no match looks. */
  readonly isTrunk: boolean;
}

const vlanTag = 4;

export function planClassContents(
  place: Place,
  given: { readonly queue?: unknown; readonly match?: unknown },
  index: number,
  context: ClassContext,
): TcStep[] {
  const { limitBytes, rate, frameBytes, isTrunk } = context;
  const own = handle(context.handle >>> 16, FIRST_MINOR + index);
  const queue = planQueue(place.at('queue'), (given.queue ?? 'bfifo') as string | QueueSpec, {
    on: 'link',
    limitBytes,
    frameBytes: frameBytes - vlanTag,
    ...(rate !== undefined && { rate }),
  });
  const at = place.at('match');
  const matches = given.match === undefined ? [] : planMatch(at, given.match);
  if (matches.length > 0 && isTrunk) at.fail('bad-option', 'a match does not look behind the VLAN tags of a trunk');
  const below: TcStep[] = queue
    ? [
        {
          place: place.at('queue'),
          step: 'qdisc',
          parent: own,
          handle: handle(FIRST_MINOR + index),
          options: queue,
        },
      ]
    : [];
  // The filters of one priority are for one family: each has a priority of its own.
  const filters = matches.map(
    (keys, n): TcStep => ({
      place: at,
      step: 'filter',
      parent: context.handle,
      priority: 2 * index + n + 1,
      keys,
      classId: own,
    }),
  );
  return [...below, ...filters];
}

/** The number of the class for what matches nothing: packets of one that does not exist would pass by every shaper. */
export function readDefaultClass(place: Place, value: unknown, classes: number): number {
  if (value === undefined) return Math.max(0, classes - 1);
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) < classes) return Number(value);
  place.fail('bad-option', `${JSON.stringify(value)} is no class: the number of one, 0 to ${Math.max(0, classes - 1)}`);
  return 0;
}
