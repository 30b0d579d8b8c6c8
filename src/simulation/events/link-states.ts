/** What a link is at each instant: which changes hold, who took it down, who swallows its packets. Pure. */

import { everyNetemOption } from '../../abi/netlink/tc/netem.ts';
import type { QdiscOptions } from '../../abi/netlink/tc/qdisc-options.ts';
import { handle } from '../../abi/netlink/tc/tc.ts';
import { delayTable } from '../links/delay-distribution.ts';
import type { Direction, Widest } from '../links/direction.ts';
import type { TcStep } from '../links/tc/step.ts';
import { behindGate } from '../links/traces/gate.ts';
import type { Place } from '../plan/issue.ts';
import type { DirectionSpec } from '../plan/request.ts';
import type { Link } from '../plan/topology.ts';
import type { Action, TcChange, Way } from './event.ts';

/** A change that holds: of the event with this index. */
export interface Override {
  readonly index: number;
  readonly place: Place;
  readonly spec: DirectionSpec;
  /** Until something else is said of the same: it is never undone. */
  readonly isForGood: boolean;
}

/** Of one direction, with those that end and what they leave to be seen: each change looks at all that hold. */
const MOST_OVERRIDES = 100;

/** One direction with overrides, the later ones above the earlier; `n` makes random numbers of its own. */
export type PlanWay = (link: Link, way: Way, overrides: readonly Override[], n: number) => Direction;

type QdiscStep = Extract<TcStep, { step: 'qdisc' }>;

/** One direction of a link, as it changes. */
export class WayState {
  readonly link: Link;
  readonly way: Way;
  readonly #plan: PlanWay;
  #overrides: readonly Override[] = [];
  #steps: readonly TcStep[];
  /** Where the queue is: one that takes another's place has another handle. */
  #queueHandle = handle(3);
  readonly #holes = new Set<number>();
  widest: Widest;

  constructor(link: Link, way: Way, initial: Direction, plan: PlanWay) {
    this.link = link;
    this.way = way;
    this.#plan = plan;
    this.#steps = behindGate(initial);
    this.widest = widestOf(initial);
  }

  /** An event begins to hold. */
  override(one: Override, n: number): Action[] {
    // It holds already, above all others: the same said again.
    if (this.#overrides.at(-1)?.index === one.index) return [];
    // What it says anew in each of its words will never be seen again.
    const isHidden = ({ spec }: Override) => one.isForGood && Object.keys(spec).every((key) => key in one.spec);
    const below = this.#overrides.filter((other) => other.index !== one.index && !isHidden(other));
    if (below.length >= MOST_OVERRIDES) {
      one.place.fail('over-budget', `${MOST_OVERRIDES} changes of a link that end are the most at one time`);
      return [];
    }
    this.#overrides = [...below, one];
    return this.#changed(one.place, n);
  }

  /** What it changed is again as it would be without it. */
  undo(index: number, place: Place, n: number): Action[] {
    this.#overrides = this.#overrides.filter((one) => one.index !== index);
    return this.#changed(place, n);
  }

  #changed(place: Place, n: number): Action[] {
    const planned = this.#plan(this.link, this.way, this.#overrides, n);
    const steps = behindGate(planned);
    this.widest = widestOf(planned, this.widest);
    const changes = this.#changesTo(place, steps);
    this.#steps = steps;
    const { rateBps } = planned.report;
    const rate = rateBps === undefined ? {} : { rateBps };
    return changes.length > 0 ? [{ do: 'shape', link: this.link, way: this.way, changes, ...rate }] : [];
  }

  #changesTo(place: Place, steps: readonly TcStep[]): TcChange[] {
    const before = this.#steps;
    if (before.length !== steps.length || before.some(({ step }, i) => step !== steps[i]?.step)) {
      place.fail(
        'bad-option',
        `${this.link.name} has no ${before.some(isShaper) ? 'such queue' : 'rate'} to change: give the link one from the start, as high as it may be`,
      );
      return [];
    }
    return steps.flatMap((step, i): TcChange[] => {
      const old = before[i];
      if (step.step === 'filter' || step.step === 'rest' || !old) return [];
      if (step.step === 'class') return same(old, step) ? [] : [{ how: 'change', step: { ...step, place } }];
      if (old.step !== 'qdisc') return [];
      return this.#changeQdisc(place, old, step, steps);
    });
  }

  #changeQdisc(place: Place, old: QdiscStep, step: QdiscStep, steps: readonly TcStep[]): TcChange[] {
    const isQueue = step.handle === handle(3);
    const at = isQueue ? this.#queueHandle : step.handle;
    if (old.options.kind !== step.options.kind) {
      if (!isQueue) {
        place.fail('bad-option', `${old.options.kind} cannot become ${step.options.kind} while packets wait`);
        return [];
      }
      this.#queueHandle = this.#queueHandle === handle(3) ? handle(4) : handle(3);
      return [{ how: 'replace', step: { ...step, place, handle: this.#queueHandle } }];
    }
    if (same(old, step)) return [];
    return [
      {
        how: 'change',
        step: { ...step, place, handle: at, options: changedOptions(old.options, step.options, steps) },
      },
    ];
  }

  /** Packets vanish, or pass again. */
  hole(index: number, opens: boolean): Action[] {
    const passed = this.#holes.size === 0;
    if (opens) this.#holes.add(index);
    else this.#holes.delete(index);
    const passes = this.#holes.size === 0;
    return passes === passed ? [] : [{ do: 'pass', link: this.link, way: this.way, passes }];
  }

  heal(): Action[] {
    if (this.#holes.size === 0) return [];
    this.#holes.clear();
    return [{ do: 'pass', link: this.link, way: this.way, passes: true }];
  }
}

/** Of a state, and of those before. */
function widestOf({ report, gsoMaxSegs, goesByPriority }: Direction, before?: Widest): Widest {
  const segs = Math.min(gsoMaxSegs ?? Number.POSITIVE_INFINITY, before?.gsoMaxSegs ?? Number.POSITIVE_INFINITY);
  const rate = Math.max(report.rateBps ?? 0, before?.rateBps ?? 0);
  return {
    ...(rate > 0 && { rateBps: rate }),
    delayNs: Math.max(report.delayNs, before?.delayNs ?? 0),
    jitterNs: Math.max(report.jitterNs, before?.jitterNs ?? 0),
    ...(Number.isFinite(segs) && { gsoMaxSegs: segs }),
    ...((goesByPriority ?? before?.goesByPriority) && { goesByPriority: true }),
  };
}

const isShaper = (step: TcStep): boolean => step.step === 'qdisc' && step.handle !== handle(1);

/** Whether they say the same, wherever they stand. Seeds are other each time: they alone are no change. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [one, other] = [a, b] as [Record<string, unknown>, Record<string, unknown>];
  for (const key in one) if (!isOfNoMatter(key) && !same(one[key], other[key])) return false;
  for (const key in other) if (!isOfNoMatter(key) && other[key] !== undefined && one[key] === undefined) return false;
  return true;
}

const isOfNoMatter = (key: string): boolean => key === 'place' || key === 'seed';

/** What a change must say that a new qdisc need not. */
function changedOptions(old: QdiscOptions, options: QdiscOptions, steps: readonly TcStep[]): QdiscOptions {
  if (options.kind === 'netem') {
    const uniform = old.kind === 'netem' && old.distribution && options.jitterNs && !options.distribution;
    return everyNetemOption({ ...options, ...(uniform && { distribution: uniformTable() }) });
  }
  if (options.kind !== 'tbf') return options;
  // A fifo below a bucket takes its limit from the bucket's options whenever those change.
  const [limit] = steps.flatMap((step) =>
    step.step === 'qdisc' && (step.options.kind === 'pfifo' || step.options.kind === 'bfifo')
      ? [step.options.limit]
      : [],
  );
  return { ...options, limit: limit ?? options.limit };
}

/** netem keeps a table until it gets another one. */
function uniformTable(): Int16Array {
  const rows = delayTable('normal')?.length ?? 4096;
  return Int16Array.from({ length: rows }, (_, i) => Math.round(8192 * ((2 * i + 1) / rows - 1)));
}

/** Whether the cable of a link is plugged in: while nobody took it down. */
export class CableState {
  readonly #link: Link;
  readonly #reasons = new Set<number>();

  constructor(link: Link) {
    this.#link = link;
  }

  pull(index: number): Action[] {
    this.#reasons.add(index);
    return this.#reasons.size === 1 ? [{ do: 'cable', link: this.#link, up: false }] : [];
  }

  /** What this event took down is up again, unless another one holds it. Without an index: whatever took it down. */
  plug(index?: number): Action[] {
    if (this.#reasons.size === 0) return [];
    if (index === undefined) this.#reasons.clear();
    else this.#reasons.delete(index);
    return this.#reasons.size === 0 ? [{ do: 'cable', link: this.#link, up: true }] : [];
  }
}
