/** What every workload is: programs that run, and a result that can be asked for at any time. */

import { SIGKILL } from '../../../abi/uapi/wait.ts';
import { TaskExited } from '../../../kernel/errors.ts';
import type { WorkloadResult } from '../../measure/results.ts';
import { formatAddress } from '../../plan/routes/prefix.ts';
import type { FlowPlan } from '../../plan/workloads/plans.ts';
import type { ProgramTask, Stage, TcpSample } from '../programs/program.ts';

/** Why a program could not go on. The only one who kills programs here is the kernel that has no memory left. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof TaskExited && (cause.status & 0x7f) === SIGKILL) return 'killed: the kernel ran out of memory';
  return cause instanceof Error ? cause.message : String(cause);
}

/** What a flow that has no tcp_info has done until now, in all. */
export interface Progress {
  /** Datagrams, answers or transactions. */
  readonly received: number;
  /** Bytes of payload that came. */
  readonly bytes: number;
  /** Times of all of them, in the order they came, in milliseconds: one way, or there and back. */
  readonly timesMs: readonly number[];
}

export interface Workload {
  /** The simulation does not last longer for it. */
  readonly inBackground?: boolean;
  /** Absent: its connections are looked at instead. */
  progress?(): Progress;
  /** Settles when the workload has ended by itself. */
  run(): Promise<void>;
  /** What became of it until now; `asker` is a task that may ask the kernel, `samples` all that were taken. */
  result(asker: ProgramTask, samples: readonly TcpSample[]): Promise<WorkloadResult>;
}

/** When a flow began and ended, in the simulation's time. */
export class Lifetime {
  readonly #stage: Stage;
  readonly #plan: FlowPlan;
  #endedNs: number | undefined;
  #error: string | undefined;

  constructor(stage: Stage, plan: FlowPlan) {
    this.#stage = stage;
    this.#plan = plan;
  }

  /** CLOCK_MONOTONIC at which the flow begins. */
  get beginsNs(): number {
    return this.#stage.beganNs + this.#plan.startNs;
  }

  /** CLOCK_MONOTONIC at which it is told to end: with the simulation if nothing else ends it, never if only a count does. */
  endsNs({ durationNs, count }: { readonly durationNs?: number; readonly count?: number }): number {
    if (durationNs !== undefined) return Math.min(this.#stage.endsNs, this.beginsNs + durationNs);
    return count === undefined ? this.#stage.endsNs : Number.POSITIVE_INFINITY;
  }

  /** It has ended, or will by itself at this time. */
  end(atNs = 0): void {
    this.#endedNs ??= Math.max(atNs, this.#stage.nowNs());
  }

  /** It could not go on. */
  readonly fail = (cause: unknown): void => {
    this.#error ??= reasonOf(cause);
    this.end();
  };

  get failed(): boolean {
    return this.#error !== undefined;
  }

  /** Nanoseconds it has lasted. */
  get lastedNs(): number {
    return Math.max(0, (this.#endedNs ?? this.#stage.nowNs()) - this.beginsNs);
  }

  /** The members every flow's result has. */
  common() {
    const { name, from, to, address, port, startNs } = this.#plan;
    // One that is to begin after the simulation may end at once: it never was.
    const completed = this.#endedNs !== undefined && this.#endedNs >= this.beginsNs && this.#error === undefined;
    return {
      name,
      from: from.name,
      to: to.name,
      address: formatAddress(address),
      port,
      start_s: startNs / 1e9,
      duration_s: this.lastedNs / 1e9,
      completed,
      ...(!completed && this.#error === undefined && { truncated: true as const }),
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }
}
