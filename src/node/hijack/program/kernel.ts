/** What hijacking takes of a kernel: one of this process, or a session's far away. */

import type { Engine } from '../../../kernel/engine.ts';
import type { KernelDead } from '../../../kernel/errors.ts';
import type { HostedTask } from '../../../kernel/hosted-task.ts';

/** A task, with its memory as it is here. */
export type KernelsTask = Pick<
  HostedTask,
  'pid' | 'memory' | 'scratch' | 'scratchBytes' | 'syscall' | 'pause' | 'inCall' | 'gone'
>;

export interface HijackedKernel {
  /** pid 1. */
  readonly init: KernelsTask & Pick<HostedTask, 'attach' | 'detach' | 'waitForOutside'>;
  /** A child of pid 1, by flags of clone(2). */
  spawn(parent: undefined, flags: number, scratchBytes: number): Promise<KernelsTask>;
  readonly engine: Pick<Engine, 'memoryLimit' | 'holdTime' | 'pass'> & {
    readonly clock: Pick<Engine['clock'], 'policy' | 'nowNs'>;
    /** End the call that a task is in with EINTR. */
    interrupt(task: KernelsTask): void;
    yields(task: KernelsTask): void;
    onDeath(then: (dead: KernelDead) => void): void;
  };
}
