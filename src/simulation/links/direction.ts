/** One direction of a link as the qdiscs that play it: delay and loss, then the bottleneck, then what waits there. */

import { TC_H } from '../../abi/netlink/constants.ts';
import type { NetemOptions } from '../../abi/netlink/tc/netem.ts';
import type { QdiscOptions } from '../../abi/netlink/tc/qdisc-options.ts';
import { handle } from '../../abi/netlink/tc/tc.ts';
import type { Place } from '../plan/issue.ts';
import type { DirectionSpec, LossSpec, QueueSpec, SlotSpec } from '../plan/request.ts';
import { readPercent, readSize, readTime } from '../plan/words.ts';
import { type Random, seedFrom } from '../run/random.ts';
import { delayTable } from './delay-distribution.ts';
import { isHtb, planHtb } from './tc/htb.ts';
import { planQueue } from './tc/queue.ts';
import { planRate, slowestRate } from './tc/rate.ts';
import { isHfsc, isScheduler, planScheduler } from './tc/scheduler.ts';
import type { TcStep, TracedBucket } from './tc/step.ts';
import { type DeliveryTrace, meanRate, opportunityBytes, parseTrace } from './traces/mahimahi.ts';

/** Where an option of a direction stands in the request: on the link, or in what overrides it. */
export type Where = (key: keyof DirectionSpec) => Place;

/** The most of each that a direction is while it runs, as events change it. */
export interface Widest {
  readonly rateBps?: number;
  readonly delayNs: number;
  readonly jitterNs: number;
  /** The least: longest packets, in segments, that every state lets pass whole. */
  readonly gsoMaxSegs?: number;
  /** In one state at least. */
  readonly goesByPriority?: true;
}

export interface Direction {
  /** Where events change it. */
  readonly widest?: Widest;
  readonly steps: readonly TcStep[];
  /** Longest packet its sender may build, in segments; undefined: no limit. */
  readonly gsoMaxSegs?: number;
  /** Its queue asks for the priority of packets. */
  readonly goesByPriority?: true;
  /** The shaper waits for delivery opportunities instead of having a rate. */
  readonly trace?: TracedBucket;
  /** Bytes of a fifo whose limit the request does not give. */
  readonly limitBytes: number;
  readonly report: DirectionReport;
}

/** What was chosen, for the answer. */
export interface DirectionReport {
  /** Bits a second of Ethernet frames, without preamble and checksum, as tc counts. */
  readonly rateBps?: number;
  readonly delayNs: number;
  readonly jitterNs: number;
  readonly queue?: string;
  /** Of a fifo or red, bytes. */
  readonly limitBytes?: number;
  readonly gso: boolean;
}

/** Ethernet header and a VLAN tag. */
const headerBytes = 18;
const vlanTag = 4;
/** A burst never needs to be more than the longest packet the stack builds, headers of its segments included. */
const longestBurst = 70_000;
const largestDefaultQueue = 4 << 20;
/** The delay line must never be what drops: the queue is. */
const unlimitedPackets = 0x7fff_ffff;

const netemHandle = handle(1);
const shaperHandle = handle(2);
const queueHandle = handle(3);

/** What a direction is part of. */
export interface Surroundings {
  readonly mtu: number;
  readonly random: Random;
  /** Its frames carry VLAN tags. */
  readonly isTrunk: boolean;
  /** At most so much more delay at random, for packets that come to a queue. */
  readonly perturbNs?: number;
  /** It is to be changed while it runs: it has a delay line, if only of the least delay. */
  readonly changes?: boolean;
  /** Bytes of a fifo that the request does not give: as before a change, for a buffer stays what it is. */
  readonly limitBytes?: number;
}

/** `place` is the direction's, for what several of its options make together. */
export function planDirection(
  place: Place,
  at: Where,
  spec: DirectionSpec,
  { mtu, random, isTrunk, perturbNs = 0, changes = false, limitBytes }: Surroundings,
): Direction {
  const trace = planTrace(at, spec, mtu);
  const frameBytes = (trace ? opportunityBytes : mtu) + headerBytes;
  const rate = trace ? meanRate(trace) / 8 : planRate(at('rate'), spec.rate, frameBytes);
  const hasQueue = rate !== undefined || spec.queue !== undefined;
  const netem = perturbed(planNetem(at, spec, random, hasQueue || changes), hasQueue ? perturbNs : 0);
  const delayNs = readTime(at('delay'), spec.delay) ?? 0;
  const shaper = {
    parent: netem ? netemHandle | 1 : TC_H.ROOT,
    rate,
    burst: planBurst(at, spec, trace ? 0 : rate, frameBytes),
    limitBytes: limitBytes ?? defaultLimit(rate ?? 0, delayNs, frameBytes),
    waitsForTrace: trace !== undefined,
    isTrunk,
    frameBytes,
  };
  const steps: TcStep[] = [
    ...(netem ? [{ place, step: 'qdisc', parent: TC_H.ROOT, handle: netemHandle, options: netem } as const] : []),
    ...planBottleneck(at('queue'), spec.queue, shaper),
  ];
  // tbf cuts a long packet into frames itself: those that wait for a trace are as many as a link of its rate would take.
  const together = trace ? planBurst(at, spec, rate, frameBytes) : shaper.burst;
  const gsoMaxSegs = gsoLimit(netem, steps, rate === undefined ? undefined : together, frameBytes);
  return {
    steps,
    ...(gsoMaxSegs !== undefined && { gsoMaxSegs }),
    ...(asksForPriority(at('queue'), steps, isTrunk) && { goesByPriority: true }),
    ...(trace && tracedBucket(trace, steps)),
    limitBytes: shaper.limitBytes,
    report: {
      ...(rate !== undefined && { rateBps: rate * 8 }),
      delayNs,
      jitterNs: netem?.jitterNs ?? 0,
      ...reportQueue(steps),
      gso: gsoMaxSegs === undefined || gsoMaxSegs > 1,
    },
  };
}

/** The same with random numbers of its own. */
export const reseeded = (direction: Direction, random: Random): Direction => ({
  ...direction,
  steps: direction.steps.map((step) =>
    step.step === 'qdisc' && step.options.kind === 'netem'
      ? { ...step, options: { ...step.options, seed: seedFrom(random) } }
      : step,
  ),
});

const byPriority: readonly QdiscOptions['kind'][] = ['prio', 'pfifo_fast', 'ets', 'mqprio', 'skbprio'];
/** Of each flow a queue, and these in three bands, unasked: by tc's usual map, with weights. */
const alsoByPriority: readonly QdiscOptions['kind'][] = [...byPriority, 'fq'];

function asksForPriority(place: Place, steps: readonly TcStep[], isTrunk: boolean): boolean {
  const has = (kinds: typeof byPriority) =>
    steps.some((step) => step.step === 'qdisc' && kinds.includes(step.options.kind));
  if (isTrunk && has(byPriority))
    place.warn('priorities come of the DSCP, which nobody sees behind the VLAN tags of a trunk');
  return has(alsoByPriority) && !isTrunk;
}

/** A fifo below a bucket takes its limit from the bucket's options whenever those change. */
function tracedBucket(deliveries: DeliveryTrace, steps: readonly TcStep[]): { trace?: TracedBucket } {
  const qdiscs = steps.flatMap((step) => (step.step === 'qdisc' ? [step] : []));
  for (const { parent, handle, options } of qdiscs) {
    if (options.kind !== 'tbf') continue;
    const limit = qdiscs.flatMap(({ options: o }) =>
      (o.kind === 'pfifo' || o.kind === 'bfifo') && o.limit !== undefined ? [o.limit] : [],
    )[0];
    const isFifo = limit !== undefined;
    return { trace: { deliveries, parent, handle, options: { ...options, limit: limit ?? options.limit }, isFifo } };
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
  /** Its frames carry VLAN tags. */
  readonly isTrunk: boolean;
  readonly frameBytes: number;
}

const NEVER_WAITS = 'without a rate nothing ever waits in it: give the link one';
/** Packets wait in it, whatever is below it. */
const shapes = ({ kind, ...options }: QdiscOptions): boolean =>
  kind === 'tbf' || kind === 'cbs' || 'bandwidth' in options || 'maxRate' in options;

/** The rate and what waits for it. Cake and htb shape by themselves, for the others a token bucket does. */
function planBottleneck(place: Place, spec: string | QueueSpec | undefined, shaper: Shaper): TcStep[] {
  const { parent, rate, burst, limitBytes, waitsForTrace, isTrunk } = shaper;
  if (spec !== undefined && isHtb(spec)) {
    if (rate !== undefined && !waitsForTrace)
      return planHtb(place, spec, {
        parent,
        handle: shaperHandle,
        rate,
        burst,
        limitBytes,
        isTrunk,
        frameBytes: shaper.frameBytes,
      });
    place.fail('bad-option', 'htb shares a rate: give the link one');
    return [];
  }
  if (spec === undefined && rate === undefined) return [];
  const classes = { limitBytes, isTrunk, rate, frameBytes: shaper.frameBytes };
  if (spec !== undefined && isHfsc(spec)) {
    if (rate !== undefined && !waitsForTrace)
      return planScheduler(place, spec, { ...classes, parent, handle: shaperHandle });
    place.fail('bad-option', 'hfsc shares a rate: give the link one');
    return [];
  }
  // One that waits for a trace is full at first: no more than one packet has that, however small.
  const bucket = {
    kind: 'tbf',
    rate: rate === undefined ? 0 : waitsForTrace ? slowestRate(burst) : rate,
    burst,
    limit: limitBytes,
    ...(waitsForTrace && { mpu: burst }),
  } as const;
  if (spec !== undefined && isScheduler(spec)) {
    if (rate === undefined) {
      place.warn(NEVER_WAITS);
      return planScheduler(place, spec, { ...classes, parent, handle: queueHandle });
    }
    return [
      { place, step: 'qdisc', parent, handle: shaperHandle, options: bucket },
      ...planScheduler(place, spec, { ...classes, parent: shaperHandle | 1, handle: queueHandle }),
    ];
  }
  const frameBytes = shaper.frameBytes - vlanTag;
  const queue = planQueue(place, spec ?? 'bfifo', {
    on: 'link',
    limitBytes,
    frameBytes,
    ...(rate !== undefined && { rate }),
  });
  if (!queue) return [];
  if (rate === undefined && !shapes(queue)) place.warn(NEVER_WAITS);
  if (rate === undefined) return [{ place, step: 'qdisc', parent, handle: queueHandle, options: queue }];
  // One that is told a bandwidth of its own shapes to that, in front of the link.
  if (queue.kind === 'cake' && !queue.bandwidth && !waitsForTrace) {
    if (queue.autorate)
      place.at('autorate-ingress').warn('it has the rate of the link; with a bandwidth of its own it finds one');
    return [
      { place, step: 'qdisc', parent, handle: shaperHandle, options: { ...queue, bandwidth: rate, autorate: 0 } },
    ];
  }
  return [
    { place, step: 'qdisc', parent, handle: shaperHandle, options: bucket },
    { place, step: 'qdisc', parent: shaperHandle | 1, handle: queueHandle, options: queue },
  ];
}

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
  const given = readSize(at('burst'), spec.burst);
  if (given !== undefined && given < frameBytes)
    at('burst').fail('bad-option', `a burst of ${given} bytes lets no frame of ${frameBytes} pass`);
  if (given !== undefined && given > 0xffff_ffff)
    at('burst').fail('bad-option', `a burst of ${given} bytes is more than Linux counts: less than 4gb`);
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
  const time = (key: 'delay' | 'jitter') => readTime(at(key), spec[key]);
  const percent = (key: 'delayCorrelation' | 'duplicate' | 'corrupt' | 'reorder') => readPercent(at(key), spec[key]);
  const latencyNs = time('delay');
  const jitterNs = time('jitter');
  const reorder = percent('reorder');
  if (reorder && !latencyNs)
    at('reorder').fail('bad-option', 'packets overtake others only while those wait: give a delay');
  // tabledist() of sch_netem takes the jitter as a signed 32-bit number
  if (jitterNs !== undefined && jitterNs > 0x7fff_ffff) at('jitter').fail('bad-option', 'a jitter is 2.147 s at most');
  if (jitterNs !== undefined && jitterNs > (latencyNs ?? 0))
    at('jitter').warn(
      'it is more than the delay: delays below zero are none, so that they are longer on average than the delay',
    );
  if (spec.gap !== undefined && !reorder)
    at('gap').fail('bad-option', 'a gap is between packets that overtake: give reorder');
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
    slot: spec.slot && planSlot(at('slot'), spec.slot),
    rate: spec.keepOrder && jitterNs ? IN_ORDER_RATE : undefined,
  });
  if (spec.keepOrder && !jitterNs) at('keepOrder').warn('without a jitter packets keep their order anyway');
  const seed = seedFrom(random);
  return Object.keys(options).length === 0 ? undefined : { kind: 'netem', limit: unlimitedPackets, ...options, seed };
}

/**
 * A delay of up to so much more, where the link has no jitter of its own. netem that has a rate keeps packets in order:
 * one beyond any link's costs a frame two nanoseconds.
 */
function perturbed(netem: NetemOptions | undefined, perturbNs: number): NetemOptions | undefined {
  if (!netem || perturbNs === 0 || netem.jitterNs) return netem;
  const half = Math.round(perturbNs / 2);
  return { ...netem, latencyNs: (netem.latencyNs ?? 0) + half, jitterNs: half, rate: IN_ORDER_RATE };
}

/** Bytes a second. */
const IN_ORDER_RATE = 1e12;

function planSlot(place: Place, spec: SlotSpec): NetemOptions['slot'] {
  const time = (key: 'min' | 'max' | 'delay' | 'jitter') => readTime(place.at(key), spec[key]);
  const bytes = readSize(place.at('bytes'), spec.bytes);
  const most = { ...(spec.packets !== undefined && { packets: spec.packets }), ...(bytes !== undefined && { bytes }) };
  if (spec.packets !== undefined && (!Number.isInteger(spec.packets) || spec.packets < 1 || spec.packets > 0x7fff_ffff))
    place.at('packets').fail('bad-option', 'one packet at least');
  const [min, max, delay, jitter] = [time('min'), time('max'), time('delay'), time('jitter')];
  if (spec.distribution === undefined) {
    for (const key of ['delay', 'jitter'] as const)
      if (spec[key] !== undefined)
        place.at(key).fail('bad-option', `${key} is of a distribution: name one, or min and max`);
    if (!min) return place.fail('bad-option', 'a slot has a min (and a max), or a distribution');
    if (max !== undefined && max < min) place.at('max').fail('bad-option', 'max is less than min');
    return { minDelayNs: min, maxDelayNs: max ?? min, ...most };
  }
  if (min !== undefined || max !== undefined) place.fail('bad-option', 'min and max, or a distribution');
  if (!delay) return place.at('delay').fail('bad-option', 'a distribution has a delay');
  const distribution = delayTable(spec.distribution);
  return { delayNs: delay, jitterNs: jitter ?? 0, ...(distribution && { distribution }), ...most };
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
  if (typeof loss === 'string') return defined({ loss: readPercent(place, loss) });
  const models = [loss.random, loss.gemodel, loss.state].filter((model) => model !== undefined);
  if (models.length !== 1) place.fail('bad-option', 'a loss is random, gemodel or state');
  const read = (at: Place, text: string | undefined, otherwise: number) =>
    text === undefined ? otherwise : (readPercent(at, text) ?? 0);
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
  if (loss.correlation !== undefined)
    place
      .at('correlation')
      .warn(
        'netem(8) calls it deprecated: it loses far less than `random` says (1 % with 25 % next to nothing). Bursts of losses are `gemodel`',
      );
  return {
    loss: read(place.at('random'), loss.random, 0),
    lossCorrelation: read(place.at('correlation'), loss.correlation, 0),
    ecn: loss.ecn ?? false,
  };
}

/** Kinds that hold so many packets. */
const counters = ['pfifo', 'pfifo_head_drop', 'choke', 'sfb', 'skbprio'];

/** A packet of many segments is one packet to a qdisc: where each segment has its own luck or its own place in a count, it must come alone. */
function gsoLimit(
  netem: NetemOptions | undefined,
  steps: readonly TcStep[],
  burst: number | undefined,
  frameBytes: number,
): number | undefined {
  const fates = Object.keys(netem ?? {}).filter((key) => !['kind', 'limit', 'latencyNs', 'seed', 'rate'].includes(key));
  // A packet that is perturbed keeps its place, and its segments stay together.
  const hasLuck = fates.some((key) => key !== 'jitterNs' || netem?.rate === undefined);
  const counts = steps.some((step) => step.step === 'qdisc' && counters.includes(step.options.kind));
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
