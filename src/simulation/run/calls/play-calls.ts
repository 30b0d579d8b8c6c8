/** Plays the calls of a workload on its host, in loops and choices, and keeps what came of them. */

import { Mistake } from '../../../batch/language/mistake.ts';
import { runList, type Stopped } from '../../../batch/language/run.ts';
import type { BatchCall, CallResult } from '../../../batch/language/types.ts';
import { Refs } from '../../../batch/language/values/refs.ts';
import { jsonStep } from '../../../errors/json-path.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import type { SyscallsPlan } from '../../plan/workloads/plans.ts';
import { unrolled } from './steps.ts';
import { Turns } from './turns.ts';

/** Results of a workload of system calls. */
interface Played {
  readonly results: readonly CallResult[];
  /** Of calls beyond those that are kept. */
  readonly omitted?: number;
  readonly stopped?: Stopped;
}
/** Most bytes of buffers that one system call may have. */
const CALL_BYTES = 2 ** 20;
/** A loop may make any number of calls; nobody reads more results than these. */
const KEPT_RESULTS = 1000;

/** All of them, and why the last one ended them where it was not to fail. */
interface End {
  readonly result: Played;
  readonly error?: string;
}

/** `sofar` is told after each call. Throws an Error in words where a call says something it cannot mean. */
export async function playCalls(
  kernel: Kernel,
  task: UserTask,
  { batch, places, onError }: Pick<SyscallsPlan, 'batch' | 'places' | 'onError'>,
  sofar: (result: Played) => void,
): Promise<End> {
  const refs = new Refs();
  const { clock } = kernel.engine;
  const turns = new Turns(clock.nowNs);
  const steps = unrolled(batch, {
    look: (ref) => refs.resolve({ ref }, ''),
    name: (name, ret) => refs.set(name, typeof ret === 'number' ? { ret } : { ret: 0, out: ret }),
    turned: (loop, isBounded) => turns.turned(places.get(loop) ?? '', isBounded, clock.nowNs),
  });
  let place = '';
  let last: { readonly name: string; readonly result: CallResult } | undefined;
  let name = '';
  function* placed() {
    for (const call of steps) {
      place = places.get(call) ?? '';
      name = call.call;
      yield call as BatchCall;
    }
  }
  const calls = runList(task, placed(), {
    refs,
    onError,
    limitBytes: CALL_BYTES,
    nowNs: () => BigInt(clock.nowNs),
  });
  const results: CallResult[] = [];
  let omitted = 0;
  const played = (): Played => ({ results, ...(omitted > 0 && { omitted }) });
  try {
    for (;;) {
      const next = await calls.next();
      if (next.done) {
        const error = next.value && last && failedIn(place, last.name, last.result);
        const result = { ...played(), ...(next.value && { stopped: next.value }) };
        return { result, ...(error !== undefined && { error }) };
      }
      last = { name, result: next.value };
      turns.called(next.value.ns ?? 0, clock.nowNs);
      if (results.length < KEPT_RESULTS) results.push(next.value);
      else omitted++;
      sofar(played());
    }
  } catch (cause) {
    throw cause instanceof Mistake ? new Error(`${placeIn(place, cause.path)}: ${cause.message}`) : cause;
  }
}

/** What was wrong with a call that ended all. A task that ends itself with 0 has done what it was to. */
function failedIn(place: string, call: string, { exited, unexpected, errno, ret }: CallResult): string | undefined {
  const at = `${place}: ${call}`;
  if (exited) {
    const signal = exited.status & 0x7f;
    if (signal !== 0) return `${at}: was ended by signal ${signal}`;
    return exited.status === 0 ? undefined : `${at}: ended with ${exited.status >> 8}`;
  }
  const got = errno ?? `${ret}`;
  return unexpected ? `${at}: ${got} is not what it expects` : `${at}: ${got}`;
}

/** The place of a mistake in the request: its path is a pointer into the list of calls that were made. */
const placeIn = (call: string, pointer: string): string =>
  pointer
    .split('/')
    .slice(2)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')))
    .reduce<string>(jsonStep, call);
