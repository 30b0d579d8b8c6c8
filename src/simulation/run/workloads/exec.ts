/** A program of Linux's own on a host: what it says and how it ends. */

import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { ExecResult } from '../../measure/results.ts';
import type { ExecPlan } from '../../plan/workloads/plans.ts';
import type { Stage } from '../programs/program.ts';
import { lastLine, noEnd, wrongEnd } from '../programs/program-end.ts';
import { type ExecRunner, Said } from '../programs/programs.ts';
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
        const how = await stage.run(plan.on, async (task) => {
          await sleepUntil(task, stage.beganNs + plan.startNs);
          return run(task, plan.argv, {
            stdin: plan.stdin,
            stdout: (bytes) => said.stdout.add(bytes),
            stderr: (bytes) => said.stderr.add(bytes),
          });
        });
        completed = true;
        const { exitCode, signal } = how;
        const error = wrongEnd(how, plan.exit, lastLine(said.stderr.text));
        end = {
          end_s: (stage.nowNs() - stage.beganNs) / 1e9,
          ...(exitCode !== undefined && { exit_code: exitCode }),
          ...(signal !== undefined && { signal }),
          ...(error !== undefined && { error }),
        };
      } catch (cause) {
        end = { error: reasonOf(cause) };
      }
    },
    async result(): Promise<ExecResult> {
      const isCut = !completed && end.error === undefined && !plan.background;
      const error = isCut ? noEnd(plan.exit) : end.error;
      const omitted = said.stdout.omitted + said.stderr.omitted;
      return {
        type: 'exec',
        name: plan.name,
        on: plan.on.name,
        start_s: plan.startNs / 1e9,
        completed,
        ...(isCut && { truncated: true }),
        ...end,
        stdout: said.stdout.text,
        stderr: said.stderr.text,
        ...(omitted > 0 && { omitted }),
        ...(error !== undefined && { error }),
      };
    },
  };
}
