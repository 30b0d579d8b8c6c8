/** A program of Linux's own on a host: what it says and how it ends. */

import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { ExecResult } from '../../measure/results.ts';
import type { ExecPlan } from '../../plan/workload-plan.ts';
import type { Stage } from '../program.ts';
import { type ExecRunner, Said } from '../programs.ts';
import { reasonOf, type Workload } from './workload.ts';

/** Of stdout, and of stderr. */
const MOST_BYTES = 1 << 20;

export function exec(stage: Stage, plan: ExecPlan, run: ExecRunner): Workload {
  const said = { stdout: new Said(MOST_BYTES), stderr: new Said(MOST_BYTES) };
  let end: Pick<ExecResult, 'end_s' | 'exit_code' | 'signal' | 'error'> = {};
  let completed = false;
  return {
    inBackground: plan.background,
    async run() {
      try {
        const { exitCode, signal } = await stage.run(plan.on, async (task) => {
          await sleepUntil(task, stage.beganNs + plan.startNs);
          return run(task, plan.argv, {
            stdin: plan.stdin,
            stdout: (bytes) => said.stdout.add(bytes),
            stderr: (bytes) => said.stderr.add(bytes),
          });
        });
        completed = true;
        end = {
          end_s: (stage.nowNs() - stage.beganNs) / 1e9,
          ...(exitCode !== undefined && { exit_code: exitCode }),
          ...(signal !== undefined && { signal }),
        };
      } catch (cause) {
        end = { error: reasonOf(cause) };
      }
    },
    async result(): Promise<ExecResult> {
      const omitted = said.stdout.omitted + said.stderr.omitted;
      return {
        type: 'exec',
        name: plan.name,
        on: plan.on.name,
        start_s: plan.startNs / 1e9,
        completed,
        ...end,
        stdout: said.stdout.text,
        stderr: said.stderr.text,
        ...(omitted > 0 && { omitted }),
      };
    },
  };
}
