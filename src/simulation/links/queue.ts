/** Qdiscs in tc's words to qdiscs in the kernel's units: which options each kind takes, as a table. */

import { cakeAckFilters, cakeDiffserv, cakeFlowModes, type QdiscOptions } from '../../abi/netlink/qdisc-options.ts';
import type { Place } from '../plan/issue.ts';
import type { QueueSpec } from '../plan/request.ts';
import { parsePercent, parseRate, parseSize, parseTime, slips } from '../plan/units.ts';

/** Reads the JSON value of an option; undefined when it is none. */
type Reader = (value: unknown) => number | boolean | undefined;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const count: Reader = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff
    ? (value as number)
    : undefined;
const size: Reader = (value) => (typeof value === 'number' ? count(value) : parseSize(text(value)));
const bytesPerSecond: Reader = (value) => {
  const bits = parseRate(text(value));
  return bits === undefined ? undefined : Math.floor(bits / 8);
};
const microseconds: Reader = (value) => {
  const ns = parseTime(text(value));
  return ns === undefined ? undefined : Math.round(ns / 1000);
};
const seconds: Reader = (value) =>
  typeof value === 'number'
    ? count(value)
    : microseconds(value) === undefined
      ? undefined
      : Number(microseconds(value)) / 1e6;
const percent: Reader = (value) => parsePercent(text(value));
const flag: Reader = (value) => (typeof value === 'boolean' ? Number(value) : undefined);
const truth: Reader = (value) => (typeof value === 'boolean' ? value : undefined);
/** What may be a slip in a text that this reader took. */
const slipOf = (read: Reader | undefined, value: string): string | undefined =>
  read === bytesPerSecond
    ? slips.rate(value)
    : read === microseconds
      ? slips.time(value)
      : read === size
        ? slips.size(value)
        : undefined;
const choice =
  (...words: readonly string[]): Reader =>
  (value) =>
    words.includes(text(value)) ? words.indexOf(text(value)) : undefined;

/** tc's word for an option: the kernel's field, and how to read it. */
const kinds: Readonly<Record<string, Readonly<Record<string, readonly [string, Reader]>>>> = {
  pfifo: { limit: ['limit', count] },
  bfifo: { limit: ['limit', size] },
  codel: {
    limit: ['limit', count],
    target: ['targetUs', microseconds],
    interval: ['intervalUs', microseconds],
    ce_threshold: ['ceThresholdUs', microseconds],
    ecn: ['ecn', flag],
  },
  fq_codel: {
    limit: ['limit', count],
    flows: ['flows', count],
    quantum: ['quantum', size],
    target: ['targetUs', microseconds],
    interval: ['intervalUs', microseconds],
    ce_threshold: ['ceThresholdUs', microseconds],
    memory_limit: ['memoryLimit', size],
    drop_batch: ['dropBatch', count],
    ecn: ['ecn', flag],
  },
  fq: {
    limit: ['limit', count],
    flow_limit: ['flowLimit', count],
    quantum: ['quantum', size],
    initial_quantum: ['initialQuantum', size],
    maxrate: ['maxRate', bytesPerSecond],
    pacing: ['pacing', flag],
    refill_delay: ['refillDelayUs', microseconds],
    ce_threshold: ['ceThresholdUs', microseconds],
  },
  pie: {
    limit: ['limit', count],
    target: ['targetUs', microseconds],
    tupdate: ['updateUs', microseconds],
    alpha: ['alpha', count],
    beta: ['beta', count],
    ecn: ['ecn', flag],
    bytemode: ['bytemode', flag],
  },
  fq_pie: {
    limit: ['limit', count],
    flows: ['flows', count],
    quantum: ['quantum', size],
    target: ['targetUs', microseconds],
    tupdate: ['updateUs', microseconds],
    alpha: ['alpha', count],
    beta: ['beta', count],
    memory_limit: ['memoryLimit', size],
    ecn: ['ecn', flag],
  },
  cake: {
    bandwidth: ['bandwidth', bytesPerSecond],
    rtt: ['rttUs', microseconds],
    diffserv: ['diffserv', choice(...cakeDiffserv)],
    flowmode: ['flowMode', choice(...cakeFlowModes)],
    overhead: ['overhead', count],
    mpu: ['mpu', count],
    nat: ['nat', flag],
    wash: ['wash', flag],
    ingress: ['ingress', flag],
    'split-gso': ['splitGso', flag],
    'ack-filter': ['ackFilter', (value) => choice(...cakeAckFilters)(value) ?? flag(value)],
    memlimit: ['memoryLimit', size],
  },
  sfq: {
    limit: ['limit', count],
    quantum: ['quantum', size],
    depth: ['depth', count],
    divisor: ['divisor', count],
    flows: ['flows', count],
    perturb: ['perturbSeconds', seconds],
  },
  red: {
    limit: ['limit', size],
    min: ['min', size],
    max: ['max', size],
    avpkt: ['avpkt', size],
    burst: ['burst', count],
    probability: [
      'probability',
      (value) => (typeof value === 'number' && value > 0 && value <= 1 ? value : percent(value)),
    ],
    bandwidth: ['bandwidth', bytesPerSecond],
    ecn: ['ecn', truth],
    harddrop: ['harddrop', truth],
    adaptive: ['adaptive', truth],
  },
  tbf: {
    rate: ['rate', bytesPerSecond],
    burst: ['burst', size],
    limit: ['limit', size],
    peakrate: ['peakRate', bytesPerSecond],
    mtu: ['peakBurst', size],
  },
  prio: { bands: ['bands', count] },
};

/** Kinds a queue may have, fifo included: it counts packets or bytes as its limit says. */
export const queueKinds = ['fifo', ...Object.keys(kinds)];

/** What surrounds a queue, and gives it what the request leaves out. */
export interface QueueDefaults {
  /** On a host packets still belong to their sockets, on a link no more. */
  readonly on: 'host' | 'link';
  /** Bytes a fifo or red holds. */
  readonly limitBytes: number;
  /** Bytes a second, when known. */
  readonly rate?: number;
}

/** One qdisc of the request. */
export function planQueue(place: Place, spec: string | QueueSpec, defaults: QueueDefaults): QdiscOptions | undefined {
  const { kind, ...options } = typeof spec === 'string' ? { kind: spec } : spec;
  const real = kind === 'fifo' ? fifoKind(options.limit) : kind;
  const table = Object.hasOwn(kinds, real) ? kinds[real] : undefined;
  if (!table)
    return place.fail('bad-option', `no qdisc of kind ${JSON.stringify(kind)}; there are ${queueKinds.join(', ')}`);
  const values: Record<string, number | boolean> = {};
  for (const [word, value] of Object.entries(options)) {
    const [field, read] = (Object.hasOwn(table, word) && table[word]) || [];
    const parsed = read?.(value);
    if (!field)
      place.at(word).fail('bad-option', `${kind} has no option ${word}; it has ${Object.keys(table).join(', ')}`);
    else if (parsed === undefined) place.at(word).fail('bad-unit', `${JSON.stringify(value)} is no ${word} of ${kind}`);
    else {
      values[field] = parsed;
      const slip = typeof value === 'string' ? slipOf(read, value) : undefined;
      if (slip !== undefined) place.at(word).warn(slip);
    }
  }
  return complete(place, real, values, defaults);
}

const fifoKind = (limit: unknown): 'pfifo' | 'bfifo' => (typeof limit === 'number' ? 'pfifo' : 'bfifo');

/** Fill in what tc itself would compute or demand. */
function complete(
  place: Place,
  kind: string,
  values: Record<string, number | boolean>,
  { on, limitBytes, rate }: QueueDefaults,
): QdiscOptions | undefined {
  const number = (name: string, otherwise: number): number =>
    typeof values[name] === 'number' ? values[name] : otherwise;
  switch (kind) {
    case 'bfifo':
      return { kind, limit: number('limit', limitBytes) };
    case 'fq':
      // A link has no sockets to pace: the ones its packets came from are elsewhere.
      return { kind, ...(on === 'link' && { pacing: 0 }), ...values };
    case 'cake':
      // tc derives the target of each tin from the round trip
      return {
        kind,
        ...values,
        ...(values.rttUs !== undefined && { targetUs: Math.max(1, Math.floor(number('rttUs', 0) / 20)) }),
      };
    case 'red': {
      const avpkt = number('avpkt', 1000);
      const limit = number('limit', limitBytes);
      const max = number('max', Math.floor(limit / 4));
      const min = number('min', Math.floor(max / 3));
      const burst = number('burst', Math.ceil((2 * min + max) / (3 * avpkt)));
      const options = { avpkt, limit, max, min, burst, probability: 0.02, bandwidth: rate ?? 1_250_000, ...values };
      if (min >= max || max > limit)
        return place.fail('bad-option', `red needs min < max <= limit, not ${min}, ${max}, ${limit}`);
      if (burst < min / avpkt)
        return place.fail('bad-option', `red needs a burst of min / avpkt or more: ${Math.ceil(min / avpkt)}`);
      return { kind, ...options };
    }
    case 'tbf': {
      const tbfRate = number('rate', 0);
      if (!tbfRate) return place.fail('bad-option', 'tbf needs a rate');
      return { kind, limit: limitBytes, burst: Math.max(1600, Math.floor(tbfRate / 1000)), ...values, rate: tbfRate };
    }
    default:
      return { kind, ...values } as QdiscOptions;
  }
}
