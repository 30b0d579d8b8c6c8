/** How much the queue of a direction holds at most, by the defaults of its qdisc where the request says nothing. */

import type { QdiscOptions } from '../../../abi/netlink/tc/qdisc-options.ts';
import type { Direction } from '../direction.ts';

export interface Capacity {
  readonly packets: number;
  readonly bytes: number;
  /** An AQM keeps it far below that, unless its senders do not care. */
  readonly managed: boolean;
}

const none: Capacity = { packets: 0, bytes: 0, managed: false };
const anything = Number.POSITIVE_INFINITY;
/** txqueuelen, include/net/sch_generic.h */
const deviceQueue = 1000;

export function capacityOf({ steps }: Pick<Direction, 'steps'>): Capacity {
  const qdiscs = steps.flatMap((step) => (step.step === 'qdisc' ? [step.options] : []));
  const queues = qdiscs.filter(({ kind }) => kind !== 'netem' && kind !== 'htb');
  // A token bucket has what waits in the queue below it, if it has one.
  const [first, ...below] = queues;
  const waiting = first?.kind === 'tbf' && below.length > 0 ? below : queues;
  return waiting.map(capacity).reduce(
    (sum, one) => ({
      packets: sum.packets + one.packets,
      bytes: sum.bytes + one.bytes,
      managed: sum.managed || one.managed,
    }),
    none,
  );
}

/** Defaults as in each qdisc's source, net/sched. */
function capacity(options: QdiscOptions): Capacity {
  switch (options.kind) {
    case 'bfifo':
    case 'tbf':
      return { packets: anything, bytes: options.limit ?? anything, managed: false };
    case 'pfifo':
    case 'pfifo_head_drop':
      return { packets: options.limit ?? deviceQueue, bytes: anything, managed: false };
    case 'pfifo_fast':
      return { packets: 3 * deviceQueue, bytes: anything, managed: false };
    case 'multiq':
    case 'mqprio':
      return { packets: 16 * deviceQueue, bytes: anything, managed: false };
    case 'ets':
      return { packets: options.bands * deviceQueue, bytes: anything, managed: false };
    case 'skbprio':
      return { packets: options.limit ?? 64, bytes: anything, managed: false };
    case 'cbs':
      return { packets: deviceQueue, bytes: anything, managed: false };
    case 'sfb':
      return { packets: options.limit || deviceQueue, bytes: anything, managed: true };
    case 'choke':
    case 'hhf':
      return { packets: options.limit ?? 1000, bytes: anything, managed: true };
    case 'prio':
      return { packets: (options.bands ?? 3) * deviceQueue, bytes: anything, managed: false };
    case 'sfq':
      return { packets: options.limit ?? 127, bytes: anything, managed: false };
    case 'red':
      return { packets: anything, bytes: options.limit, managed: true };
    case 'codel':
    case 'pie':
      return { packets: options.limit ?? 1000, bytes: anything, managed: true };
    case 'fq':
      return { packets: options.limit ?? 10_000, bytes: anything, managed: false };
    case 'fq_codel':
    case 'fq_pie':
      return { packets: options.limit ?? 10_240, bytes: options.memoryLimit ?? 32 << 20, managed: true };
    case 'cake':
      return { packets: 10_240, bytes: cakeBytes(options), managed: true };
    default:
      return none;
  }
}

/** Four round trips at its bandwidth, 4 MiB at least: cake_reconfigure(). */
function cakeBytes({ memoryLimit, bandwidth, rttUs = 100_000 }: Extract<QdiscOptions, { kind: 'cake' }>): number {
  if (memoryLimit) return memoryLimit;
  return bandwidth ? Math.max(4 << 20, (4 * bandwidth * rttUs) / 1e6) : anything;
}
