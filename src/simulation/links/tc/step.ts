/** What tc(8) would be told of one device, as a list of steps. */

import type { ClassOptions } from '../../../abi/netlink/tc/classes.ts';
import type { QdiscOptions, TbfOptions } from '../../../abi/netlink/tc/qdisc-options.ts';
import type { FlowerKeys } from '../../../abi/netlink/tc/tc.ts';
import type { Place } from '../../plan/issue.ts';
import type { DeliveryTrace } from '../traces/mahimahi.ts';

/** One thing to set on the device that sends into the link, in order, and where the request asks for it. */
export type TcStep = { readonly place: Place } & (
  | { readonly step: 'qdisc'; readonly parent: number; readonly handle: number; readonly options: QdiscOptions }
  | { readonly step: 'class'; readonly parent: number; readonly handle: number; readonly options: ClassOptions }
  | {
      readonly step: 'filter';
      readonly parent: number;
      readonly priority: number;
      readonly keys: FlowerKeys;
      readonly classId: number;
    }
  /** Whatever no filter before it took. */
  | { readonly step: 'rest'; readonly parent: number; readonly priority: number; readonly classId: number }
);

/** A bucket below the delay line of a direction, that only opens when it is told. */
export interface TracedBucket {
  readonly deliveries: DeliveryTrace;
  readonly parent: number;
  readonly handle: number;
  readonly options: TbfOptions;
  /** Nothing but the bucket takes packets out of the queue. */
  readonly isFifo: boolean;
}
