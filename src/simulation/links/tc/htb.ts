/** htb in tc's words: classes that share a link, each a rate it is sure of, a ceiling, a queue, and the packets it is for. */

import { handle } from '../../../abi/netlink/tc/tc.ts';
import type { Place } from '../../plan/issue.ts';
import type { QueueSpec } from '../../plan/request.ts';
import { parseSize } from '../../plan/units.ts';
import { FIRST_MINOR, MOST_CLASSES, planClassContents, readDefaultClass } from './class-contents.ts';
import { planRate } from './rate.ts';
import type { TcStep } from './step.ts';

export const isHtb = (queue: string | QueueSpec): queue is QueueSpec =>
  (typeof queue === 'string' ? queue : queue.kind) === 'htb';

interface HtbContext {
  readonly parent: number;
  readonly handle: number;
  /** Bytes a second. */
  readonly rate: number;
  readonly burst: number;
  readonly limitBytes: number;
  /** The longest frame of the link. */
  readonly frameBytes: number;
  /** Its frames carry VLAN tags, behind which no match looks. */
  readonly isTrunk: boolean;
}

export function planHtb(place: Place, spec: QueueSpec, context: HtbContext): TcStep[] {
  const { parent, rate, burst } = context;
  const { kind: _, ...options } = typeof spec === 'string' ? { kind: spec } : spec;
  const given = place.members(options, 'htb', ['classes', 'default']);
  const classes: readonly unknown[] = Array.isArray(given?.classes) ? given.classes : [];
  if (classes.length === 0 || classes.length > MOST_CLASSES)
    place.at('classes').fail('bad-option', `htb needs classes: a list of 1 to ${MOST_CLASSES}`);
  const major = context.handle >>> 16;
  const root = handle(major, 1);
  const defaultClass = FIRST_MINOR + readDefaultClass(place.at('default'), given?.default, classes.length);
  return [
    { place, step: 'qdisc', parent, handle: context.handle, options: { kind: 'htb', defaultClass } },
    {
      place,
      step: 'class',
      parent: context.handle,
      handle: root,
      options: { kind: 'htb', rate, ceil: rate, burst, cburst: burst },
    },
    ...withQuanta(
      classes.flatMap((value, index) =>
        planClass(place.at('classes').at(index), value, index, classes.length, context),
      ),
      context.frameBytes,
    ),
  ];
}

/** tc(8) warns of more than that. */
const MOST_QUANTUM = 200_000;

/**
 * What classes are not sure of they share by their quanta: by their rates where a class names none, as tc has it (`r2q`).
 * The slowest class has a frame, so that turns are as short as can be.
 */
function withQuanta(steps: readonly TcStep[], frameBytes: number): TcStep[] {
  const rates = steps.flatMap((step) =>
    step.step === 'class' && step.options.kind === 'htb' ? [step.options.rate] : [],
  );
  const least = Math.min(...rates);
  return steps.map((step) => {
    if (step.step !== 'class' || step.options.kind !== 'htb' || step.options.quantum !== undefined) return step;
    const quantum = Math.min(MOST_QUANTUM, Math.round((frameBytes * step.options.rate) / least));
    return { ...step, options: { ...step.options, quantum } };
  });
}

function planClass(place: Place, value: unknown, index: number, count: number, context: HtbContext): TcStep[] {
  const { rate, burst } = context;
  const given = place.members(value, 'class', ['rate', 'ceil', 'prio', 'quantum', 'queue', 'match']);
  if (!given) return [];
  const major = context.handle >>> 16;
  const own = handle(major, FIRST_MINOR + index);
  const text = (key: 'rate' | 'ceil') => given[key] as string | undefined;
  const ceil = planRate(place.at('ceil'), text('ceil'), burst) ?? rate;
  const sure = planRate(place.at('rate'), text('rate'), burst) ?? Math.max(1, Math.floor(Math.min(ceil, rate / count)));
  if (sure > ceil)
    given.ceil === undefined
      ? place.at('rate').fail('bad-option', `${text('rate')} is more than the link has`)
      : place.at('ceil').fail('bad-option', `${text('ceil')} is less than the class is sure of`);
  const prio = readPriority(place.at('prio'), given.prio);
  const quantum = readQuantum(place.at('quantum'), given.quantum);
  return [
    {
      place,
      step: 'class',
      parent: handle(major, 1),
      handle: own,
      options: {
        kind: 'htb',
        rate: sure,
        ceil,
        burst,
        cburst: burst,
        prio,
        ...(quantum !== undefined && { quantum }),
      },
    },
    ...planClassContents(place, given, index, { ...context, rate: sure }),
  ];
}

/** Bytes of a turn, where several classes want what is left. */
function readQuantum(place: Place, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const bytes = typeof value === 'number' ? value : parseSize(String(value));
  if (bytes !== undefined && Number.isInteger(bytes) && bytes >= 1000 && bytes <= MOST_QUANTUM) return bytes;
  return place.fail('bad-unit', `${JSON.stringify(value)} is no quantum: 1000 to ${MOST_QUANTUM} bytes`);
}

/** TC_HTB_NUMPRIO */
const priorities = 8;

function readPriority(place: Place, value: unknown): number {
  if (value === undefined) return 0;
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) < priorities) return Number(value);
  place.fail('bad-option', `${JSON.stringify(value)} is no priority: 0 to ${priorities - 1}`);
  return 0;
}
