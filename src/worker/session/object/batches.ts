/** A batch of calls on a session's kernel: what each answered, and the lines of strace for the session's tail. */

import { WALL, WNOHANG } from '../../../abi/uapi/wait.ts';
import { ResultKeeper } from '../../../batch/kept/result-keeper.ts';
import type { SetupNeeds } from '../../../batch/kernel-setup.ts';
import type { CallResult } from '../../../batch/language/types.ts';
import type { ResultSink } from '../../../batch/player.ts';
import { type BatchReport, playTimed } from '../../../batch/syscall-batch.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import { callNames, isFlush, unfinished } from '../batch-calls.ts';
import type { WholeAnswer, WholeBatch } from '../rpc.ts';
import type { StraceTail } from '../strace-tail.ts';
import type { Live } from './waking.ts';

/** `flushed` is called for each call that asked that what was written lasts. */
export async function runBatch(
  live: Live,
  batch: WholeBatch,
  needs: SetupNeeds,
  flushed: () => void,
): Promise<Pick<WholeAnswer, 'report' | 'kept' | 'nowNs'>> {
  const keeper = new ResultKeeper();
  const sink = sinkOf(batch, keeper, live, flushed);
  const { tasks: kept } = live;
  const played = { ...batch, strace: true, kept, straceKept: batch.strace };
  const report = await playTimed(live, played, sink, needs).catch((cause: unknown) => {
    for (const { call, task } of underWay(cause)) note(live.strace, unfinished(call), task);
    throw keeper.explain(cause);
  });
  const { nowNs } = live.kernel.engine.clock;
  const tasks = new Map<string, readonly CallResult[]>(keeper.tasks);
  for (const name of Object.keys(batch.tasks)) {
    const task = kept.get(name);
    if (task) tasks.set(name, task.take().results);
  }
  if (!live.kernel.dead) await reap(live.kernel.init, report);
  if (!live.kernel.dead) await kept.reap();
  return { report, nowNs, kept: { results: keeper.results, tasks } };
}

/** Of kept tasks the results are theirs until they are taken: here is only what is noted of each. */
function sinkOf(
  batch: WholeBatch,
  keeper: ResultKeeper,
  { strace: tail, tasks }: Live,
  flushed: () => void,
): ResultSink {
  const nextCall = callNames(batch);
  return ({ strace, ...result }, task) => {
    const call = nextCall(task);
    if (strace !== undefined) note(tail, strace, task);
    else if (result.exited) note(tail, unfinished(call), task);
    if (isFlush(call, result)) flushed();
    if (task !== undefined && tasks.get(task)) return;
    keeper.keep(batch.strace && strace !== undefined ? { ...result, strace } : result, task);
  };
}

function note(tail: StraceTail, line: string, task: string | undefined): void {
  tail.append(task === undefined ? line : `[${task}] ${line}`);
}

/** Nobody waits for the tasks of a batch once it is answered: its zombies would pile up. */
async function reap(init: UserTask, { stopped, tasks }: BatchReport): Promise<void> {
  if (stopped?.reason === 'exited') return; // pid 1 is no more
  for (const { pid, kept } of Object.values(tasks)) if (!kept) await init.syscall('wait4', pid, 0, WNOHANG | WALL, 0);
}

/** The calls that were made when the kernel ended. */
function underWay(cause: unknown): readonly { readonly call: string; readonly task?: string }[] {
  const calls = cause instanceof HostError ? cause.members.under_way : undefined;
  return Array.isArray(calls) ? calls : [];
}
