/** Plays the calls of a workload on its host, in loops and choices, and keeps what came of them. */

import { Mistake } from '../../batch/language/mistake.ts';
import { runList, type Stopped } from '../../batch/language/run.ts';
import type { BatchCall, CallResult } from '../../batch/language/types.ts';
import { Refs } from '../../batch/language/values/refs.ts';
import { jsonStep } from '../../errors/json-path.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { SyscallsPlan } from '../plan/workload-plan.ts';
import { unrolled } from './steps.ts';

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

/** `sofar` is told after each call. Throws an Error in words where a call says something it cannot mean. */
export async function playCalls(
  kernel: Kernel,
  task: UserTask,
  { batch, places, onError }: Pick<SyscallsPlan, 'batch' | 'places' | 'onError'>,
  sofar: (result: Played) => void,
): Promise<Played> {
  const refs = new Refs();
  const steps = unrolled(batch, {
    look: (ref) => refs.resolve({ ref }, ''),
    name: (name, ret) => refs.set(name, typeof ret === 'number' ? { ret } : { ret: 0, out: ret }),
  });
  let place = '';
  function* placed() {
    for (const call of steps) {
      place = places.get(call) ?? '';
      yield call as BatchCall;
    }
  }
  const calls = runList(task, placed(), {
    refs,
    onError,
    limitBytes: CALL_BYTES,
    nowNs: () => BigInt(kernel.engine.clock.nowNs),
  });
  const results: CallResult[] = [];
  let omitted = 0;
  const played = (): Played => ({ results, ...(omitted > 0 && { omitted }) });
  try {
    for (;;) {
      const next = await calls.next();
      if (next.done) return { ...played(), ...(next.value && { stopped: next.value }) };
      if (results.length < KEPT_RESULTS) results.push(next.value);
      else omitted++;
      sofar(played());
    }
  } catch (cause) {
    throw cause instanceof Mistake ? new Error(`${placeIn(place, cause.path)}: ${cause.message}`) : cause;
  }
}

/** The place of a mistake in the request: its path is a pointer into the list of calls that were made. */
const placeIn = (call: string, pointer: string): string =>
  pointer
    .split('/')
    .slice(2)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')))
    .reduce<string>(jsonStep, call);
