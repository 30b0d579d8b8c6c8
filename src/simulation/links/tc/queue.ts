/** Qdiscs in tc's words to qdiscs in the kernel's units: which options each kind takes, as a table. */

import {
  cakeAckFilters,
  cakeDiffserv,
  cakeFlowModes,
  type QdiscOptions,
} from '../../../abi/netlink/tc/qdisc-options.ts';
import type { Place } from '../../plan/issue.ts';
import type { QueueSpec } from '../../plan/request.ts';
import { parsePercent, parseRate, parseSize, parseTime, slips } from '../../plan/units.ts';

/** Reads the JSON value of an option; undefined when it is none. */
type Value = number | boolean | readonly number[] | readonly { readonly count: number; readonly offset: number }[];
type Reader = (value: unknown) => Value | undefined;

/** What a field of Linux holds; more would be taken as the rest of a division. */
const within = (most: number, value: number | undefined): number | undefined =>
  value !== undefined && value <= most ? value : undefined;
const U32 = 0xffff_ffff;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const count: Reader = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= U32 ? (value as number) : undefined;
const size: Reader = (value) => (typeof value === 'number' ? count(value) : within(U32, parseSize(text(value))));
/** Bytes a second, of text in bits. */
const rateUpTo =
  (most: number): Reader =>
  (value) => {
    const bits = parseRate(text(value));
    return bits === undefined ? undefined : within(most, Math.floor(bits / 8));
  };
const bytesPerSecond = rateUpTo(Number.MAX_SAFE_INTEGER);
/** fq has 32 bits for it, where all of them stand for no limit. */
const narrowRate = rateUpTo(U32);
const timeIn =
  (unitNs: number): Reader =>
  (value) => {
    const ns = parseTime(text(value));
    return ns === undefined ? undefined : within(U32, Math.round(ns / unitNs));
  };
const microseconds = timeIn(1e3);
const milliseconds = timeIn(1e6);
const seconds: Reader = (value) =>
  typeof value === 'number'
    ? count(value)
    : microseconds(value) === undefined
      ? undefined
      : Number(microseconds(value)) / 1e6;
const percent: Reader = (value) => parsePercent(text(value));
const flag: Reader = (value) => (typeof value === 'boolean' ? Number(value) : undefined);
/** A list of numbers, each read by another reader. */
const list =
  (read: Reader): Reader =>
  (value) => {
    if (!Array.isArray(value)) return undefined;
    const numbers = value.map(read);
    return numbers.every((number) => typeof number === 'number') ? numbers : undefined;
  };
const signed: Reader = (value) =>
  typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 0x7fffffff ? value : undefined;
/** "2@1": two queues from the second on. */
const queueRanges: Reader = (value) => {
  if (!Array.isArray(value)) return undefined;
  const ranges = value.map((one) => /^(\d{1,3})@(\d{1,3})$/.exec(text(one)));
  return ranges.includes(null)
    ? undefined
    : ranges.map((range) => ({ count: Number(range?.[1]), offset: Number(range?.[2]) }));
};
/** 0.001 or "0.1%" */
const fraction: Reader = (value) =>
  typeof value === 'number' && value > 0 && value <= 1 ? value : parsePercent(text(value));
const truth: Reader = (value) => (typeof value === 'boolean' ? value : undefined);
/** What may be a slip in a text that this reader took. */
const slipOf = (read: Reader | undefined, value: string): string | undefined =>
  read === bytesPerSecond || read === narrowRate
    ? slips.rate(value)
    : read === microseconds || read === milliseconds
      ? slips.time(value)
      : read === size
        ? slips.size(value)
        : undefined;
/** The words of a reader of words. */
const choices = new WeakMap<Reader, readonly string[]>();
const choice = (...words: readonly string[]): Reader => {
  const read: Reader = (value) => (words.includes(text(value)) ? words.indexOf(text(value)) : undefined);
  choices.set(read, words);
  return read;
};

/** What a reader takes, in words. */
function taken(read: Reader): string {
  const words = choices.get(read);
  if (words) return `one of ${words.join(', ')}`;
  const known: readonly (readonly [Reader, string])[] = [
    [count, 'a whole number from 0 to 4294967295'],
    [signed, 'a whole number from -2147483647 to 2147483647'],
    [size, 'a size less than 4gb, such as "150kb"'],
    [bytesPerSecond, 'a rate, such as "10mbit"'],
    [narrowRate, 'a rate less than 34gbit, such as "10mbit"'],
    [microseconds, 'a time less than 4294 s, such as "20ms"'],
    [milliseconds, 'a time, such as "20ms"'],
    [seconds, 'seconds, or a time, such as "10s"'],
    [flag, 'true or false'],
    [truth, 'true or false'],
    [percent, 'a percentage, such as "1%"'],
    [fraction, 'a number up to 1, or a percentage, such as "1%"'],
    [queueRanges, 'a list of "count@offset", such as ["1@0", "3@1"]'],
  ];
  return known.find(([one]) => one === read)?.[1] ?? 'a list of numbers';
}

interface LinkLayer {
  readonly atm?: 0 | 1 | 2;
  readonly overhead?: number;
  readonly mpu?: number;
}
/** tc-cake(8), OVERHEAD COMPENSATION PARAMETERS: 1 is ATM's cells, 2 PTM's coding. */
const cakeLinkLayers: Readonly<Record<string, LinkLayer>> = {
  atm: { atm: 1 },
  ptm: { atm: 2 },
  noatm: { atm: 0 },
  raw: { atm: 0, overhead: 0 },
  conservative: { atm: 1, overhead: 48 },
  'ipoa-vcmux': { atm: 1, overhead: 8 },
  'ipoa-llcsnap': { atm: 1, overhead: 16 },
  'bridged-vcmux': { atm: 1, overhead: 24 },
  'bridged-llcsnap': { atm: 1, overhead: 32 },
  'pppoa-vcmux': { atm: 1, overhead: 10 },
  'pppoa-llc': { atm: 1, overhead: 14 },
  'pppoe-vcmux': { atm: 1, overhead: 32 },
  'pppoe-llcsnap': { atm: 1, overhead: 40 },
  'pppoe-ptm': { atm: 2, overhead: 30 },
  'bridged-ptm': { atm: 2, overhead: 22 },
  'via-ethernet': {},
  ethernet: { overhead: 38, mpu: 84 },
  'ether-vlan': { overhead: 4 },
  docsis: { atm: 0, overhead: 18, mpu: 64 },
};

/** tc's word for an option: the kernel's field, and how to read it. */
const kinds: Readonly<Record<string, Readonly<Record<string, readonly [string, Reader]>>>> = {
  pfifo: { limit: ['limit', count] },
  pfifo_head_drop: { limit: ['limit', count] },
  pfifo_fast: {},
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
    maxrate: ['maxRate', narrowRate],
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
    fwmark: ['fwmark', count],
    'autorate-ingress': ['autorate', flag],
    // What a link adds to frames, in tc's words: each may stand beside others.
    ...Object.fromEntries(Object.keys(cakeLinkLayers).map((word) => [word, [word, truth] as const])),
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
    probability: ['probability', fraction],
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
  prio: { bands: ['bands', count], priomap: ['priomap', list(count)] },
  choke: {
    limit: ['limit', count],
    min: ['min', count],
    max: ['max', count],
    avpkt: ['avpkt', size],
    burst: ['burst', count],
    probability: ['probability', fraction],
    bandwidth: ['bandwidth', bytesPerSecond],
    ecn: ['ecn', truth],
  },
  sfb: {
    limit: ['limit', count],
    rehash: ['rehashMs', milliseconds],
    db: ['warmupMs', milliseconds],
    max: ['max', count],
    target: ['target', count],
    increment: ['increment', fraction],
    decrement: ['decrement', fraction],
    penalty_rate: ['penaltyRate', count],
    penalty_burst: ['penaltyBurst', count],
  },
  hhf: {
    limit: ['limit', count],
    quantum: ['quantum', size],
    hh_limit: ['heavyFlows', count],
    reset_timeout: ['resetUs', microseconds],
    admit_bytes: ['admitBytes', size],
    evict_timeout: ['evictUs', microseconds],
    non_hh_weight: ['lightWeight', count],
  },
  ets: {
    bands: ['bands', count],
    strict: ['strict', count],
    quanta: ['quanta', list(size)],
    priomap: ['priomap', list(count)],
  },
  multiq: {},
  mqprio: { num_tc: ['classes', count], map: ['map', list(count)], queues: ['queues', queueRanges] },
  skbprio: { limit: ['limit', count] },
  cbs: {
    idleslope: ['idleslope', count],
    sendslope: ['sendslope', signed],
    hicredit: ['hicredit', count],
    locredit: ['locredit', signed],
  },
};

/** Kinds of Linux that make no sense here, or that Linux 6.12 does not have: why, and what comes nearest. */
const absent: Readonly<Record<string, string>> = {
  dualpi2: 'is not in Linux 6.12: fq_codel or fq with ce_threshold marks as L4S wants it, in a queue for each flow',
  gred: 'needs a program that sets tc_index: red, or htb with a red in each class, comes nearest',
  etf: 'needs programs that say when each packet is to go (SO_TXTIME)',
  taprio: 'needs programs that say when each packet is to go: tbf or mqprio come nearest',
  teql: 'joins devices of one host: a bond ("devices") does that',
  plug: 'waits for a program to open it',
  mq: 'is what a device with several queues has by itself',
  noqueue: 'has no queue: leave it out',
  dsmark: 'is not in Linux any more: nftables sets DSCP',
  cbq: 'is not in Linux any more: htb or hfsc',
  atm: 'is not in Linux any more: cake has "atm"',
};

/** Kinds a queue may have, fifo included: it counts packets or bytes as its limit says. */
export const queueKinds = ['fifo', ...Object.keys(kinds), 'htb', 'hfsc', 'drr', 'qfq'];
/** The words of options by kind, for documentation; classes of htb, hfsc, drr and qfq have their own. */
export const queueOptions: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.entries(kinds).map(([kind, words]) => [kind, Object.keys(words)])),
  htb: ['classes', 'default'],
  hfsc: ['classes', 'default'],
  drr: ['classes', 'default'],
  qfq: ['classes', 'default'],
};
export { absent as absentQueues };
/** Those that spread packets over queues of the device. */
export const needsSeveralQueues = (kind: string): boolean => kind === 'multiq' || kind === 'mqprio';

/** What surrounds a queue, and gives it what the request leaves out. */
export interface QueueDefaults {
  /** On a host packets still belong to their sockets, on a link no more. */
  readonly on: 'host' | 'link';
  /** Bytes a fifo or red holds. */
  readonly limitBytes: number;
  /** Bytes a second, when known. */
  readonly rate?: number;
  /** The longest frame that comes, without a VLAN tag. */
  readonly frameBytes: number;
}

/** One qdisc of the request. */
export function planQueue(place: Place, spec: string | QueueSpec, defaults: QueueDefaults): QdiscOptions | undefined {
  const { kind, ...options } = typeof spec === 'string' ? { kind: spec } : spec;
  const real = kind === 'fifo' ? fifoKind(options.limit) : kind;
  const table = Object.hasOwn(kinds, real) ? kinds[real] : undefined;
  if (!table)
    return place.fail(
      'bad-option',
      Object.hasOwn(absent, kind)
        ? `${kind} ${absent[kind]}`
        : `no qdisc of kind ${JSON.stringify(kind)}; there are ${queueKinds.join(', ')}`,
    );
  const values: Record<string, Value> = {};
  for (const [word, value] of Object.entries(options)) {
    const [field, read] = (Object.hasOwn(table, word) && table[word]) || [];
    const parsed = read?.(value);
    if (!field)
      place.at(word).fail('bad-option', `${kind} has no option ${word}; it has ${Object.keys(table).join(', ')}`);
    else if (parsed === undefined)
      place.at(word).fail('bad-unit', `${JSON.stringify(value)} is no ${word} of ${kind}: ${taken(read ?? count)}`);
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
  values: Record<string, Value>,
  { on, limitBytes, rate, frameBytes }: QueueDefaults,
): QdiscOptions | undefined {
  const number = (name: string, otherwise: number): number =>
    typeof values[name] === 'number' ? values[name] : otherwise;
  switch (kind) {
    case 'bfifo': {
      const limit = number('limit', limitBytes);
      if (limit < frameBytes) place.at('limit').warn(`no frame of ${frameBytes} bytes finds room in it: all are lost`);
      return { kind, limit };
    }
    case 'pfifo':
    case 'pfifo_head_drop':
      if (values.limit === 0) place.at('limit').warn('no packet finds room in it: all are lost');
      return { kind, ...values } as QdiscOptions;
    case 'fq':
      if (values.maxRate !== undefined && values.pacing === 0)
        place.at('maxrate').warn('fq keeps to it by pacing, which is off: nothing is limited');
      // A link has no sockets to pace: the ones its packets came from are elsewhere. What each flow may have is kept there too.
      return { kind, ...(on === 'link' && values.maxRate === undefined && { pacing: 0 }), ...values };
    case 'cake':
      // tc derives the target of each tin from the round trip
      return {
        kind,
        ...withLinkLayer(values),
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
      const burst = number('burst', Math.max(1600, frameBytes, Math.floor(tbfRate / 1000)));
      if (burst < frameBytes) place.at('burst').warn(`it lets no frame of ${frameBytes} bytes pass: all are lost`);
      return { kind, limit: limitBytes, ...values, burst, rate: tbfRate };
    }
    case 'choke': {
      const avpkt = number('avpkt', 1000);
      const limit = number('limit', 1000);
      const max = number('max', Math.floor(limit / 4));
      const min = number('min', Math.floor(max / 3));
      const burst = number('burst', Math.ceil((2 * min + max) / 3));
      if (min >= max || max > limit)
        return place.fail('bad-option', `choke needs min < max <= limit, not ${min}, ${max}, ${limit}`);
      if (burst < min) return place.fail('bad-option', `choke needs a burst of min or more: ${min}`);
      const options = { avpkt, limit, max, min, burst, probability: 0.02, bandwidth: rate ?? 1_250_000, ...values };
      return { kind, ...options };
    }
    case 'ets':
      return planEts(place, values);
    case 'prio': {
      const bands = number('bands', 3);
      if (bands < 2 || bands > MOST_BANDS)
        return place.at('bands').fail('bad-option', `${bands} is no number of bands: 2 to ${MOST_BANDS}`);
      const { priomap } = values;
      if (priomap !== undefined && !isPriomap(place.at('priomap'), priomap, bands)) return undefined;
      return { kind, ...values } as QdiscOptions;
    }
    case 'mqprio':
      return planMqprio(place, values, on);
    case 'cbs':
      return planCbs(place, values, rate);
    default:
      return { kind, ...values } as QdiscOptions;
  }
}

/** tc's map has sixteen priorities; those that it does not name go to the last band. */
function isPriomap(place: Place, value: Value, bands: number): value is readonly number[] {
  const isMap =
    Array.isArray(value) && value.length <= 16 && value.every((band) => typeof band === 'number' && band < bands);
  if (!isMap) place.fail('bad-option', `up to 16 bands, 0 to ${bands - 1}`);
  return isMap;
}

const MOST_BANDS = 16;

function planEts(place: Place, values: Readonly<Record<string, Value>>): QdiscOptions | undefined {
  const strict = Number(values.strict ?? 0);
  const quanta = (values.quanta ?? []) as readonly number[];
  const bands = Number(values.bands ?? strict + quanta.length);
  if (bands < 1 || bands > MOST_BANDS)
    return place
      .at('bands')
      .fail('bad-option', `1 to ${MOST_BANDS} bands: strict ones, and one for each of the quanta`);
  if (strict + quanta.length > bands)
    return place
      .at('quanta')
      .fail('bad-option', `${bands} bands are fewer than ${strict} strict ones and ${quanta.length} with quanta`);
  if (quanta.includes(0)) return place.at('quanta').fail('bad-option', 'a band without a quantum never sends');
  const { priomap } = values;
  if (priomap !== undefined && !isPriomap(place.at('priomap'), priomap, bands)) return undefined;
  return { kind: 'ets', bands, strict, ...(quanta.length > 0 && { quanta }), ...(priomap && { priomap }) };
}

/** What Linux takes a veth for, in kbit/s. */
const VETH_KBIT = 10_000_000;

/**
 * Linux counts what sending costs by the speed of the port, which here is a veth's, not the link's: the slope of sending
 * and the least credit are given as they are at that speed, so that what is sent in the long run is the idle slope.
 */
function planCbs(
  place: Place,
  values: Readonly<Record<string, Value>>,
  rate: number | undefined,
): QdiscOptions | undefined {
  for (const word of ['idleslope', 'hicredit', 'locredit'])
    if (values[word] === undefined)
      return place.fail('bad-option', `cbs needs an idleslope, a hicredit and a locredit`);
  const [idleslope, hicredit, locredit] = [Number(values.idleslope), Number(values.hicredit), Number(values.locredit)];
  const port = rate === undefined ? VETH_KBIT : (8 * rate) / 1000;
  if (idleslope < 1 || idleslope >= port)
    return place.at('idleslope').fail('bad-option', `1 to ${Math.ceil(port) - 1} kbit/s: less than the link sends`);
  const sendslope = Number(values.sendslope ?? Math.round(idleslope - port));
  if (Math.abs(sendslope - (idleslope - port)) > 1)
    return place
      .at('sendslope')
      .fail('bad-option', `idleslope less what the link sends, in kbit/s: ${Math.round(idleslope - port)}`);
  if (locredit >= 0) return place.at('locredit').fail('bad-option', 'bytes below zero: sending costs credit');
  const atVeth = (VETH_KBIT - idleslope) / VETH_KBIT / ((port - idleslope) / port);
  return {
    kind: 'cbs',
    idleslope,
    hicredit,
    sendslope: idleslope - VETH_KBIT,
    locredit: Math.floor(locredit * atVeth),
  };
}

/** Queues that a device of a host gets where its qdisc needs several. */
export const DEVICE_QUEUES = 16;

function planMqprio(
  place: Place,
  values: Readonly<Record<string, Value>>,
  on: 'host' | 'link',
): QdiscOptions | undefined {
  if (on === 'link') return place.fail('bad-option', 'mqprio is of a host: give it to an interface');
  const classes = Number(values.classes ?? 0);
  const map = (values.map ?? []) as readonly number[];
  const queues = (values.queues ?? []) as readonly { readonly count: number; readonly offset: number }[];
  if (classes < 1 || classes > 16) return place.at('num_tc').fail('bad-option', '1 to 16 traffic classes');
  if (map.length > 16 || map.some((one) => one >= classes))
    return place.at('map').fail('bad-option', `up to 16 traffic classes, 0 to ${classes - 1}`);
  if (queues.length !== classes)
    return place.at('queues').fail('bad-option', `"count@offset" for each of the ${classes} traffic classes`);
  if (queues.some(({ count, offset }) => count < 1 || offset + count > DEVICE_QUEUES))
    return place.at('queues').fail('bad-option', `a device has ${DEVICE_QUEUES} queues`);
  return { kind: 'mqprio', classes, map, queues };
}

/** The words of tc-cake(8) for what a link adds to each frame. */
function withLinkLayer(values: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  const options: Record<string, Value> = {};
  let overhead: number | undefined;
  for (const [word, value] of Object.entries(values)) {
    const layer = Object.hasOwn(cakeLinkLayers, word) ? cakeLinkLayers[word] : undefined;
    if (!layer) options[word] = value;
    else if (value === true) {
      if (layer.atm !== undefined) options.atm = layer.atm;
      if (layer.mpu !== undefined) options.mpu = layer.mpu;
      if (layer.overhead !== undefined) overhead = (overhead ?? 0) + layer.overhead;
    }
  }
  return overhead === undefined ? options : { ...options, overhead: overhead + Number(values.overhead ?? 0) };
}
