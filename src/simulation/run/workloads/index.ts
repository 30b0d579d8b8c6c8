/** A workload of each type. */

import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { SyscallsResult } from '../../measure/results.ts';
import type { SyscallsPlan, WorkloadPlan } from '../../plan/workloads/plans.ts';
import type { ProgramTask, Stage } from '../programs/program.ts';
import type { ExecRunner } from '../programs/programs.ts';
import { exec } from './exec.ts';
import { flows } from './flows.ts';
import { onOff } from './on-off.ts';
import { ping } from './ping.ts';
import { replay } from './replay.ts';
import { requestResponse } from './rr.ts';
import { tcp } from './tcp.ts';
import { udp } from './udp.ts';
import { reasonOf, type Workload } from './workload.ts';

/** Runs a batch of system calls on a task: the batch language is not the simulation's. */
export type BatchRunner = (
  task: ProgramTask,
  batch: Pick<SyscallsPlan, 'batch' | 'places' | 'onError'>,
  /** What there is so far, for when it is cut off. */
  sofar: (result: unknown) => void,
) => Promise<{
  readonly result: unknown;
  /** Why it did not do what it was to. */
  readonly error?: string;
}>;

/** What a workload on a host needs of others. */
export interface HostRunners {
  readonly runBatch: BatchRunner;
  readonly exec: ExecRunner;
}

export function makeWorkload(stage: Stage, plan: WorkloadPlan, runners: HostRunners): Workload {
  switch (plan.type) {
    case 'tcp':
      return tcp(stage, plan);
    case 'udp':
      return udp(stage, plan);
    case 'ping':
      return ping(stage, plan);
    case 'rr':
      return requestResponse(stage, plan);
    case 'on-off':
      return onOff(stage, plan);
    case 'flows':
      return flows(stage, plan);
    case 'replay':
      return replay(stage, plan);
    case 'syscalls':
      return syscalls(stage, plan, runners.runBatch);
    case 'exec':
      return exec(stage, plan, runners.exec);
  }
}

function syscalls(stage: Stage, plan: SyscallsPlan, runBatch: BatchRunner): Workload {
  const common = { type: 'syscalls', name: plan.name, on: plan.on.name, start_s: plan.startNs / 1e9 } as const;
  let outcome: Pick<SyscallsResult, 'completed' | 'result' | 'error'> = { completed: false };
  return {
    async run() {
      try {
        const ended = await stage.run(plan.on, async (task) => {
          await sleepUntil(task, stage.beganNs + plan.startNs);
          return runBatch(task, plan, (result) => {
            outcome = { completed: false, result };
          });
        });
        outcome = { completed: true, ...ended };
      } catch (cause) {
        outcome = { ...outcome, completed: false, error: reasonOf(cause) };
      }
    },
    result: async () => ({ ...common, ...outcome }),
  };
}
