/** One direction of a link as the qdiscs that play it: delay and loss, then the bottleneck, then what waits there. */

import { TC_H } from '../../abi/netlink/constants.ts';
import { parseIp } from '../../abi/netlink/inet.ts';
import type { NetemOptions } from '../../abi/netlink/netem.ts';
import type { HtbClass, QdiscOptions } from '../../abi/netlink/qdisc-options.ts';
import { type FlowerKeys, handle } from '../../abi/netlink/tc.ts';
import type { Place } from '../plan/issue.ts';
import type { DirectionSpec, LossSpec, QueueSpec } from '../plan/request.ts';
import { parsePercent, parseRate, parseSize, parseTime } from '../plan/units.ts';
import { type Random, seedFrom } from '../run/random.ts';
import { delayTable } from './delay-distribution.ts';
import { type DeliveryTrace, meanRate, opportunityBytes, parseTrace } from './mahimahi.ts';
import { planQueue } from './queue.ts';
import type { TracedBucket } from './trace-driver.ts';

/** One thing to set on the device that sends into the link, in order, and where the request asks for it. */
export type TcStep = { readonly place: Place } & (
  | { readonly step: 'qdisc'; readonly parent: number; readonly handle: number; readonly options: QdiscOptions }
  | { readonly step: 'class'; readonly parent: number; readonly handle: number; readonly options: HtbClass }
  | {
      readonly step: 'filter';
      readonly parent: number;
      readonly priority: number;
      readonly keys: FlowerKeys;
      readonly classId: number;
    }
);

/** Where an option of a direction stands in the request: on the link, or in what overrides it. */
export type Where = (key: keyof DirectionSpec) => Place;

export interface Direction {
  readonly steps: readonly TcStep[];
  /** Longest packet its sender may build, in segments; undefined: no limit. */
  readonly gsoMaxSegs?: number;
  /** The shaper waits for delivery opportunities instead of having a rate. */
  readonly trace?: TracedBucket;
  readonly report: DirectionReport;
}

/** What was chosen, for the answer. */
export interface DirectionReport {
  /** Bits a second of Ethernet frames, without preamble and checksum, as tc counts. */
  readonly rateBps?: number;
  readonly delayNs: number;
  readonly queue?: string;
  /** Of a fifo or red, bytes. */
  readonly limitBytes?: number;
  readonly gso: boolean;
}

/** Ethernet header and a VLAN tag. */
const headerBytes = 18;
/** A burst never needs to be more than the longest packet the stack builds, headers of its segments included. */
const longestBurst = 70_000;
const largestDefaultQueue = 4 << 20;
const largestRate = 1e12;
/** The delay line must never be what drops: the queue is. */
const unlimitedPackets = 0x7fff_ffff;

const netemHandle = handle(1);
const shaperHandle = handle(2);
const queueHandle = handle(3);

/** `place` is the direction's, for what several of its options make together. */
export function planDirection(
  place: Place,
  at: Where,
  spec: DirectionSpec,
  { mtu, random }: { mtu: number; random: Random },
): Direction {
  const trace = planTrace(at, spec, mtu);
  const frameBytes = (trace ? opportunityBytes : mtu) + headerBytes;
  const rate = trace ? meanRate(trace) / 8 : planRate(at('rate'), spec.rate, frameBytes);
  const hasQueue = rate !== undefined || spec.queue !== undefined;
  const netem = planNetem(at, spec, random, hasQueue);
  const delayNs = at('delay').read(parseTime, spec.delay, 'time, such as "20ms"') ?? 0;
  const shaper = {
    parent: netem ? netemHandle | 1 : TC_H.ROOT,
    rate,
    burst: planBurst(at, spec, trace ? 0 : rate, frameBytes),
    limitBytes: defaultLimit(rate ?? 0, delayNs, frameBytes),
    waitsForTrace: trace !== undefined,
  };
  const steps: TcStep[] = [
    ...(netem ? [{ place, step: 'qdisc', parent: TC_H.ROOT, handle: netemHandle, options: netem } as const] : []),
    ...planBottleneck(at('queue'), spec.queue, shaper),
  ];
  const gsoMaxSegs = gsoLimit(netem, steps, rate === undefined ? undefined : shaper.burst, frameBytes);
  return {
    steps,
    ...(gsoMaxSegs !== undefined && { gsoMaxSegs }),
    ...(trace && tracedBucket(trace, steps)),
    report: {
      ...(rate !== undefined && { rateBps: rate * 8 }),
      delayNs,
      ...reportQueue(steps),
      gso: gsoMaxSegs === undefined || gsoMaxSegs > 1,
    },
  };
}

/** A fifo below a bucket takes its limit from the bucket's options whenever those change. */
function tracedBucket(deliveries: DeliveryTrace, steps: readonly TcStep[]): { trace?: TracedBucket } {
  const qdiscs = steps.flatMap((step) => (step.step === 'qdisc' ? [step] : []));
  for (const { parent, handle, options } of qdiscs) {
    if (options.kind !== 'tbf') continue;
    const limit = qdiscs.flatMap(({ options: o }) =>
      (o.kind === 'pfifo' || o.kind === 'bfifo') && o.limit !== undefined ? [o.limit] : [],
    )[0];
    return { trace: { deliveries, parent, handle, options: { ...options, limit: limit ?? options.limit } } };
  }
  return {};
}

interface Shaper {
  readonly parent: number;
  /** Bytes a second; undefined: nothing ever waits. */
  readonly rate: number | undefined;
  readonly burst: number;
  readonly limitBytes: number;
  /** Lets packets pass when it is told to: its own rate is as little as can be, a frame in two seconds. */
  readonly waitsForTrace: boolean;
}

/** The rate and what waits for it. Cake and htb shape by themselves, for the others a token bucket does. */
function planBottleneck(place: Place, spec: string | QueueSpec | undefined, shaper: Shaper): TcStep[] {
  const { parent, rate, burst, limitBytes, waitsForTrace } = shaper;
  if (spec !== undefined && isHtb(spec)) {
    if (rate !== undefined && !waitsForTrace) return planHtb(place, spec, { parent, rate, burst, limitBytes });
    place.fail('bad-option', 'htb shares a rate: give the link one');
    return [];
  }
  if (spec === undefined && rate === undefined) return [];
  const queue = planQueue(place, spec ?? 'bfifo', { on: 'link', limitBytes, ...(rate !== undefined && { rate }) });
  if (!queue) return [];
  if (rate === undefined) return [{ place, step: 'qdisc', parent, handle: queueHandle, options: queue }];
  if (queue.kind === 'cake' && !waitsForTrace)
    return [
      { place, step: 'qdisc', parent, handle: shaperHandle, options: { ...queue, bandwidth: rate, autorate: 0 } },
    ];
  const bucket = { kind: 'tbf', rate: waitsForTrace ? slowestRate(burst) : rate, burst, limit: limitBytes } as const;
  return [
    { place, step: 'qdisc', parent, handle: shaperHandle, options: bucket },
    { place, step: 'qdisc', parent: shaperHandle | 1, handle: queueHandle, options: queue },
  ];
}

/** Bytes a second. */
function planRate(place: Place, text: string | undefined, frameBytes: number): number | undefined {
  const bits = place.read(parseRate, text, 'rate, such as "10mbit"');
  if (bits === undefined) return undefined;
  const least = slowestRate(frameBytes) * 8;
  if (bits >= least && bits <= largestRate) return Math.floor(bits / 8);
  return place.fail(
    'impossible-rate',
    `${text} is no rate of a link with frames of ${frameBytes} bytes: ${least}bit to 1tbit`,
  );
}

/** sch_tbf waits for a frame in 31 bits of nanoseconds on a 32-bit kernel: 2.147 seconds. */
const slowestRate = (frameBytes: number): number => Math.ceil(frameBytes / 2.1);

function planTrace(at: Where, spec: DirectionSpec, mtu: number): DeliveryTrace | undefined {
  if (spec.trace === undefined) return undefined;
  if (mtu > opportunityBytes)
    at('trace').fail('bad-option', `an opportunity delivers ${opportunityBytes} bytes: no packet of an MTU of ${mtu}`);
  if (spec.burst !== undefined) at('burst').fail('bad-option', 'a trace delivers as it says: it has no burst');
  if (spec.rate !== undefined) at('trace').fail('bad-option', 'a link has a rate or a trace');
  const trace = parseTrace(spec.trace);
  return (
    trace ??
    at('trace').fail(
      'bad-option',
      'no mahimahi trace: one line a delivery, whole milliseconds that do not fall, the last above 0',
    )
  );
}

/** A millisecond's worth, but one frame at least: less would never send one, more would not be a wire. */
function planBurst(at: Where, spec: DirectionSpec, rate: number | undefined, frameBytes: number): number {
  const given = at('burst').read(parseSize, spec.burst, 'size, such as "15kb"');
  if (given !== undefined && given < frameBytes)
    at('burst').fail('bad-option', `a burst of ${given} bytes lets no frame of ${frameBytes} pass`);
  return given ?? Math.min(longestBurst, Math.max(frameBytes, Math.floor((rate ?? 0) / 1000)));
}

/**
 * The bandwidth-delay product of the link's own round trip, but 100 frames at least and 4 MiB at most. On slow links the
 * 100 frames are no more than a fifth of a second, and ten frames at least.
 */
function defaultLimit(rate: number, delayNs: number, frameBytes: number): number {
  const product = (rate * 2 * delayNs) / 1e9;
  const least = Math.min(100 * frameBytes, Math.max(10 * frameBytes, rate / 5));
  return Math.floor(Math.min(largestDefaultQueue, Math.max(least, product)));
}

/**
 * A packet that waits in a queue of the link has left its sender: netem with any delay takes it off the sender's account
 * (skb_orphan_partial), or TCP would hold back what the queue is to see.
 */
const leastLatencyNs = 1;

function planNetem(at: Where, spec: DirectionSpec, random: Random, hasQueue: boolean): NetemOptions | undefined {
  const time = (key: 'delay' | 'jitter') => at(key).read(parseTime, spec[key], 'time, such as "20ms"');
  const percent = (key: 'delayCorrelation' | 'duplicate' | 'corrupt' | 'reorder') =>
    at(key).read(parsePercent, spec[key], 'percentage, such as "1%"');
  const latencyNs = time('delay');
  const jitterNs = time('jitter');
  const reorder = percent('reorder');
  if (reorder && !latencyNs)
    at('reorder').fail('bad-option', 'packets overtake others only while those wait: give a delay');
  // tabledist() of sch_netem takes the jitter as a signed 32-bit number
  if (jitterNs !== undefined && jitterNs > 0x7fff_ffff) at('jitter').fail('bad-option', 'a jitter is 2.147 s at most');
  for (const key of ['delayCorrelation', 'distribution'] as const)
    if (spec[key] !== undefined && !jitterNs) at(key).fail('bad-option', `${key} is of the jitter: give one`);
  const distribution = jitterNs && spec.distribution ? delayTable(spec.distribution) : undefined;
  const options = defined({
    latencyNs: latencyNs || (hasQueue ? leastLatencyNs : 0),
    jitterNs,
    delayCorrelation: percent('delayCorrelation'),
    distribution,
    duplicate: percent('duplicate'),
    corrupt: percent('corrupt'),
    reorder,
    gap: spec.gap,
    ...planLoss(at('loss'), spec.loss),
  });
  const seed = seedFrom(random);
  return Object.keys(options).length === 0 ? undefined : { kind: 'netem', limit: unlimitedPackets, ...options, seed };
}

/** Without the members that are undefined or zero: they ask for nothing. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined && v !== 0)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Defaults of the models are tc's. */
function planLoss(place: Place, loss: string | LossSpec | undefined): Partial<NetemOptions> {
  if (loss === undefined) return {};
  if (typeof loss === 'string') return defined({ loss: place.read(parsePercent, loss, 'percentage, such as "1%"') });
  const models = [loss.random, loss.gemodel, loss.state].filter((model) => model !== undefined);
  if (models.length !== 1) place.fail('bad-option', 'a loss is random, gemodel or state');
  const read = (at: Place, text: string | undefined, otherwise: number) =>
    text === undefined ? otherwise : (at.read(parsePercent, text, 'percentage') ?? 0);
  if (loss.gemodel) {
    const at = place.at('gemodel');
    const p = read(at.at('p'), loss.gemodel.p, 0);
    const lossModel = {
      model: 'gemodel',
      p,
      r: read(at.at('r'), loss.gemodel.r, 1 - p),
      lossBad: read(at.at('lossBad'), loss.gemodel.lossBad, 1),
      lossGood: read(at.at('lossGood'), loss.gemodel.lossGood, 0),
    } as const;
    return { lossModel, ecn: loss.ecn ?? false };
  }
  if (loss.state) {
    const at = place.at('state');
    const p13 = read(at.at('p13'), loss.state.p13, 0);
    const lossModel = {
      model: 'state',
      p13,
      p31: read(at.at('p31'), loss.state.p31, 1 - p13),
      p32: read(at.at('p32'), loss.state.p32, 0),
      p23: read(at.at('p23'), loss.state.p23, 1),
      p14: read(at.at('p14'), loss.state.p14, 0),
    } as const;
    return { lossModel, ecn: loss.ecn ?? false };
  }
  return {
    loss: read(place.at('random'), loss.random, 0),
    lossCorrelation: read(place.at('correlation'), loss.correlation, 0),
    ecn: loss.ecn ?? false,
  };
}

const isHtb = (queue: string | QueueSpec): queue is QueueSpec => typeof queue === 'object' && queue.kind === 'htb';

interface HtbContext {
  readonly parent: number;
  readonly rate: number;
  readonly burst: number;
  readonly limitBytes: number;
}

/** Classes that share the link: each a rate it is sure of, a ceiling, a queue, and the packets it is for. */
function planHtb(place: Place, spec: QueueSpec, { parent, rate, burst, limitBytes }: HtbContext): TcStep[] {
  const classes: readonly unknown[] = Array.isArray(spec.classes) ? spec.classes : [];
  if (classes.length === 0) place.at('classes').fail('bad-option', 'htb needs classes');
  const { kind: _, classes: __, default: last, ...unknown } = spec;
  for (const word of Object.keys(unknown))
    place.at(word).fail('bad-option', `htb has no option ${word}; it has classes, default`);
  const defaultIndex = typeof last === 'number' ? last : classes.length - 1;
  const major = shaperHandle >>> 16;
  const minor = (index: number) => 0x10 + index;
  const root = handle(major, 1);
  const steps: TcStep[] = [
    { place, step: 'qdisc', parent, handle: shaperHandle, options: { kind: 'htb', defaultClass: minor(defaultIndex) } },
    { place, step: 'class', parent: shaperHandle, handle: root, options: { rate, ceil: rate, burst, cburst: burst } },
  ];
  for (const [index, value] of classes.entries()) {
    const at = place.at('classes').at(index);
    const child = (typeof value === 'object' && value !== null ? value : {}) as {
      rate?: string;
      ceil?: string;
      prio?: number;
      queue?: string | QueueSpec;
      match?: Match;
    };
    const classRate = planRate(at.at('rate'), child.rate, burst) ?? Math.max(1, Math.floor(rate / classes.length));
    const ceil = planRate(at.at('ceil'), child.ceil, burst) ?? rate;
    const options = { rate: classRate, ceil, burst, cburst: burst, prio: child.prio ?? 0, quantum: burst };
    steps.push({ place: at, step: 'class', parent: root, handle: handle(major, minor(index)), options });
    const queue = planQueue(at.at('queue'), child.queue ?? 'bfifo', { on: 'link', limitBytes, rate: classRate });
    if (queue)
      steps.push({
        place: at.at('queue'),
        step: 'qdisc',
        parent: handle(major, minor(index)),
        handle: handle(0x10 + index),
        options: queue,
      });
    const keys = child.match && planMatch(at.at('match'), child.match);
    if (keys)
      steps.push({
        place: at.at('match'),
        step: 'filter',
        parent: shaperHandle,
        priority: index + 1,
        keys,
        classId: handle(major, minor(index)),
      });
  }
  return steps;
}

interface Match {
  readonly protocol?: string;
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: number;
  readonly dport?: number;
}

function planMatch(place: Place, { protocol, src, dst, sport, dport }: Match): FlowerKeys | undefined {
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp')
    return place.at('protocol').fail('bad-option', 'a protocol is tcp or udp');
  const address = (key: 'src' | 'dst', text: string | undefined) =>
    text === undefined
      ? undefined
      : (parseIp(text) ?? place.at(key).fail('bad-address', `${JSON.stringify(text)} is no address`));
  return defined({
    source: address('src', src),
    destination: address('dst', dst),
    protocol,
    sourcePort: sport,
    destinationPort: dport,
  }) as FlowerKeys;
}

/** A packet of many segments is one packet to a qdisc: where each segment has its own luck or its own place in a count, it must come alone. */
function gsoLimit(
  netem: NetemOptions | undefined,
  steps: readonly TcStep[],
  burst: number | undefined,
  frameBytes: number,
): number | undefined {
  const hasLuck = netem && Object.keys(netem).some((key) => !['kind', 'limit', 'latencyNs', 'seed'].includes(key));
  const counts = steps.some((step) => step.step === 'qdisc' && step.options.kind === 'pfifo');
  if (hasLuck || counts) return 1;
  if (burst === undefined || burst >= longestBurst) return undefined;
  return Math.max(1, Math.floor(burst / frameBytes));
}

function reportQueue(steps: readonly TcStep[]): { queue?: string; limitBytes?: number } {
  const queues = steps.flatMap((step) =>
    step.step === 'qdisc' && step.options.kind !== 'netem' && step.options.kind !== 'tbf' ? [step.options] : [],
  );
  const queue = queues[0];
  if (!queue) return {};
  return {
    queue: queue.kind,
    ...((queue.kind === 'bfifo' || queue.kind === 'red') && queue.limit !== undefined && { limitBytes: queue.limit }),
  };
}
