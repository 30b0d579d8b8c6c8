/** Loops and choices of calls in a workload of system calls: checked before, unrolled while they are played. */

import { rename } from '../../../batch/language/aliases.ts';
import { unknownCall } from '../../../batch/language/run.ts';
import type { Place } from '../../plan/issue.ts';
import type { SimulationCall, SimulationCondition, SimulationLoop, SimulationStep } from '../../plan/request.ts';

type Step = SimulationCall | SimulationLoop<Step> | SimulationStep;
type Loop = SimulationLoop<Step>;
export type PlacedStep = Step;

const isLoop = (step: Step): step is Loop => 'do' in step;

export const MOST_TIMES = 1e6;

/** What cannot be meant. */
export function checkSteps(place: Place, steps: readonly Step[]): void {
  for (const [i, step] of steps.entries()) {
    if (isLoop(step)) checkLoop(place.at(i), step);
    else if (!isCall(step.call)) place.at(i).at('call').fail('bad-option', unknownCall(step.call));
  }
}

/** Whether Linux has one of this name; what its arguments mean is seen when it is made. */
function isCall(name: string): boolean {
  try {
    return rename(name, []) !== undefined;
  } catch {
    return true;
  }
}

/** Where each call and each loop stands in the request, by itself. */
export function* placesOf(place: Place, steps: readonly Step[]): Generator<readonly [PlacedStep, string]> {
  for (const [i, step] of steps.entries()) {
    yield [step, place.at(i).path];
    if (isLoop(step)) {
      yield* placesOf(place.at(i).at('do'), step.do);
      if (step.else) yield* placesOf(place.at(i).at('else'), step.else);
    }
  }
}

function checkLoop(place: Place, loop: Loop): void {
  const { repeat, until, each, as, if: condition } = loop;
  if (loop.do.length === 0) place.at('do').fail('bad-option', 'a loop of no calls would never let time pass');
  if (repeat !== undefined && (!Number.isInteger(repeat) || repeat < 1 || repeat > MOST_TIMES))
    place.at('repeat').fail('bad-option', `${repeat} is no number of times: 1 to ${MOST_TIMES}`);
  const kinds = [repeat ?? until, each, condition].filter((one) => one !== undefined).length;
  if (kinds !== 1) place.fail('bad-option', 'one of repeat (and until), each, if');
  if (loop.else !== undefined && condition === undefined) place.at('else').fail('bad-option', 'else is of an if');
  if (as !== undefined && condition !== undefined) place.at('as').fail('bad-option', 'a choice has no value to name');
  if (each !== undefined && as === undefined) place.at('as').fail('bad-option', 'each value needs a name: "as"');
  for (const [key, one] of [
    ['until', until],
    ['if', condition],
  ] as const)
    if (one && Object.keys(one).length < 2)
      place.at(key).fail('bad-option', 'is, isNot, below or above: what must it be?');
  checkSteps(place.at('do'), loop.do);
  if (loop.else) checkSteps(place.at('else'), loop.else);
}

/** Results by name, as the batch language keeps them, and how turns of loops are counted. */
export interface NamedResults {
  /** Throws where there is none. */
  look(ref: string): unknown;
  name(name: string, value: string | number): void;
  /** A loop made a turn, and goes on. Throws where that is in vain. */
  turned(loop: PlacedStep, isBounded: boolean): void;
}

/** Calls in the order they are to be made: the next one is asked for when the one before has its result. */
export function* unrolled(steps: readonly Step[], results: NamedResults): Generator<SimulationCall, void> {
  for (const step of steps) {
    if (!isLoop(step)) yield step;
    else if (step.if) yield* unrolled(holds(step.if, results) ? step.do : (step.else ?? []), results);
    else if (step.each)
      for (const value of step.each) {
        if (step.as !== undefined) results.name(step.as, value);
        yield* unrolled(step.do, results);
      }
    else
      for (let n = 0; n < (step.repeat ?? Number.POSITIVE_INFINITY); n++) {
        if (step.as !== undefined) results.name(step.as, n);
        yield* unrolled(step.do, results);
        if (step.until && holds(step.until, results)) break;
        results.turned(step, step.repeat !== undefined);
      }
  }
}

function holds(condition: SimulationCondition, results: NamedResults): boolean {
  const found = results.look(condition.ref);
  const { is, isNot, below, above } = condition;
  return (
    (is === undefined || found === is) &&
    (isNot === undefined || found !== isNot) &&
    (below === undefined || Number(found) < below) &&
    (above === undefined || Number(found) > above)
  );
}
