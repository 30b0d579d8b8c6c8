/** drr, qfq and hfsc in tc's words: classes that share what there is, each with a queue and the packets it is for. */

import type { ClassOptions, ServiceCurve } from '../../../abi/netlink/tc/classes.ts';
import type { QdiscOptions } from '../../../abi/netlink/tc/qdisc-options.ts';
import { handle } from '../../../abi/netlink/tc/tc.ts';
import type { Place } from '../../plan/issue.ts';
import type { QueueSpec } from '../../plan/request.ts';
import { parseSize, parseTime } from '../../plan/units.ts';
import { readRate } from '../../plan/words.ts';
import { FIRST_MINOR, MOST_CLASSES, planClassContents, readDefaultClass } from './class-contents.ts';
import type { TcStep } from './step.ts';

type Kind = 'drr' | 'qfq' | 'hfsc';
const own = {
  drr: ['quantum'],
  qfq: ['weight', 'maxpkt'],
  hfsc: ['rt', 'ls', 'ul', 'sc'],
} as const satisfies Record<Kind, readonly string[]>;

const kindOf = (queue: string | QueueSpec): string => (typeof queue === 'string' ? queue : queue.kind);
/** hfsc shapes by itself, the others share what a token bucket lets pass. */
export const isHfsc = (queue: string | QueueSpec): boolean => kindOf(queue) === 'hfsc';
export const isScheduler = (queue: string | QueueSpec): boolean => kindOf(queue) === 'drr' || kindOf(queue) === 'qfq';

export interface SchedulerContext {
  readonly parent: number;
  readonly handle: number;
  /** Bytes a second, when known. */
  readonly rate: number | undefined;
  readonly limitBytes: number;
  /** Its frames carry VLAN tags, behind which no match looks. */
  readonly isTrunk: boolean;
  /** A frame of this link. */
  readonly frameBytes: number;
}

export function planScheduler(place: Place, spec: string | QueueSpec, context: SchedulerContext): TcStep[] {
  const { kind: given, ...options } = typeof spec === 'string' ? { kind: spec } : spec;
  const kind = given as Kind;
  const members = place.members(options, kind, ['classes', 'default']);
  const classes: readonly unknown[] = Array.isArray(members?.classes) ? members.classes : [];
  if (classes.length === 0 || classes.length > MOST_CLASSES)
    place.at('classes').fail('bad-option', `${kind} needs classes: a list of 1 to ${MOST_CLASSES}`);
  const major = context.handle >>> 16;
  const byDefault = readDefaultClass(place.at('default'), members?.default, classes.length);
  const last = handle(major, FIRST_MINOR + byDefault);
  const qdisc: QdiscOptions = kind === 'hfsc' ? { kind, defaultClass: FIRST_MINOR + byDefault } : { kind };
  const root = kind === 'hfsc' ? handle(major, 1) : context.handle;
  const all = curve(context.rate ?? 0);
  return [
    { place, step: 'qdisc', parent: context.parent, handle: context.handle, options: qdisc },
    ...(kind === 'hfsc'
      ? [{ place, step: 'class', parent: context.handle, handle: root, options: { kind, ls: all, ul: all } } as const]
      : []),
    ...classes.flatMap((value, index) =>
      planClass(place.at('classes').at(index), value, { kind, index, root }, context),
    ),
    // Without it drr and qfq drop what matches nothing.
    ...(kind === 'hfsc'
      ? []
      : [{ place, step: 'rest', parent: context.handle, priority: 0xfff0, classId: last } as const]),
  ];
}

function planClass(
  place: Place,
  value: unknown,
  { kind, index, root }: { readonly kind: Kind; readonly index: number; readonly root: number },
  context: SchedulerContext,
): TcStep[] {
  const given = place.members(value, 'class', [...own[kind], 'queue', 'match']) as
    | Readonly<Record<string, unknown>>
    | undefined;
  if (!given) return [];
  const id = handle(context.handle >>> 16, FIRST_MINOR + index);
  const options = planOptions(place, kind, given, context);
  return [
    ...(options ? [{ place, step: 'class', parent: root, handle: id, options } as const] : []),
    ...planClassContents(place, given, index, context),
  ];
}

const MOST_WEIGHT = 1024;
/** QFQ_MIN_LMAX, QFQ_MAX_LMAX */
const LEAST_PACKET = 512;
const MOST_PACKET = 65_536;

function planOptions(
  place: Place,
  kind: Kind,
  given: Readonly<Record<string, unknown>>,
  { rate, frameBytes }: SchedulerContext,
): ClassOptions | undefined {
  const bytes = (key: string, otherwise: number): number => {
    const value = given[key];
    if (value === undefined) return otherwise;
    const parsed = typeof value === 'number' ? value : parseSize(String(value));
    if (parsed !== undefined && Number.isInteger(parsed) && parsed > 0) return parsed;
    place.at(key).fail('bad-unit', `${JSON.stringify(value)} is no ${key}: a size, such as "1500b"`);
    return otherwise;
  };
  switch (kind) {
    case 'drr':
      return { kind, quantum: bytes('quantum', frameBytes) };
    case 'qfq': {
      const { weight = 1 } = given;
      if (!Number.isInteger(weight) || Number(weight) < 1 || Number(weight) > MOST_WEIGHT)
        return place.at('weight').fail('bad-option', `${JSON.stringify(weight)} is no weight: 1 to ${MOST_WEIGHT}`);
      const maxPacket = bytes('maxpkt', Math.max(LEAST_PACKET, frameBytes));
      if (maxPacket < LEAST_PACKET || maxPacket > MOST_PACKET)
        return place
          .at('maxpkt')
          .fail('bad-option', `${maxPacket} is no maxpkt: ${LEAST_PACKET} to ${MOST_PACKET} bytes`);
      return { kind, weight: Number(weight), maxPacket };
    }
    case 'hfsc': {
      const curves = Object.fromEntries(
        own.hfsc.flatMap((key) => {
          const read = given[key] === undefined ? undefined : readCurve(place.at(key), given[key], rate ?? 0);
          return read ? [[key, read]] : [];
        }),
      ) as { [K in (typeof own.hfsc)[number]]?: ServiceCurve };
      const { sc, rt = sc, ls = sc, ul } = curves;
      if (sc && (curves.rt || curves.ls)) return place.at('sc').fail('bad-option', 'sc is rt and ls in one');
      if (ul && !ls) return place.at('ul').fail('bad-option', 'a ceiling is of a share: ls or sc');
      if (!rt && !ls) return place.fail('bad-option', 'a class has a curve: rt, ls or sc');
      return { kind, ...(rt && { rt }), ...(ls && { ls }), ...(ul && { ul }) };
    }
  }
}

const curve = (rate: number): ServiceCurve => ({ m1: 0, dUs: 0, m2: Math.floor(rate) });

/** "5mbit", or tc's two-piece curve { m1, d, m2 }. */
function readCurve(place: Place, value: unknown, most: number): ServiceCurve | undefined {
  const rateOf = (at: Place, text: unknown): number | undefined => {
    const bits =
      typeof text === 'string' ? readRate(at, text) : at.fail('bad-unit', `${JSON.stringify(text)} is no rate`);
    if (bits !== undefined && bits / 8 > 0xffff_ffff)
      return at.fail('impossible-rate', `${String(text)} is more than hfsc counts`);
    return bits === undefined ? undefined : Math.floor(bits / 8);
  };
  if (typeof value === 'string') {
    const m2 = rateOf(place, value);
    if (m2 !== undefined && most > 0 && m2 > most) place.warn(`${value} is more than the link has`);
    return m2 === undefined ? undefined : curve(m2);
  }
  const { m1, d, m2 } = place.members(value, 'curve', ['m1', 'd', 'm2']) ?? {};
  const ns = typeof d === 'string' ? parseTime(d) : undefined;
  if (ns === undefined) place.at('d').fail('bad-unit', `${JSON.stringify(d)} is no time`);
  const [first, second] = [rateOf(place.at('m1'), m1), rateOf(place.at('m2'), m2)];
  if (first === undefined || second === undefined || ns === undefined) return undefined;
  return { m1: first, dUs: Math.round(ns / 1000), m2: second };
}
