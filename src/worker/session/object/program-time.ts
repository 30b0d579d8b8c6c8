/** Time of programs that no request waits for, in terminals and in the background: counted as their owner's, and no more than he has. */

import { SIGKILL } from '../../../abi/uapi/wait.ts';
import type { Host } from '../../../kernel/host.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import type { SessionMeter } from '../../limits/session-meter.ts';

/** Whether the kernel works is looked at so often: what it does by itself is counted as a whole look, or not at all. */
const LOOK_MS = 250;

export interface ProgramTimeNeeds {
  readonly host: Pick<Host, 'timer' | 'monotonicNs'>;
  readonly meter: Pick<SessionMeter, 'spent'>;
  /** Undefined: nobody counts. */
  owner(): string | undefined;
  /** A request is under way, which is counted itself. */
  isCounted(): boolean;
}

export class ProgramTime {
  readonly #needs: ProgramTimeNeeds;
  readonly #watched = new WeakSet<Kernel>();

  constructor(needs: ProgramTimeNeeds) {
    this.#needs = needs;
  }

  /** Until none of its programs runs. */
  watch(kernel: Kernel): void {
    if (this.#watched.has(kernel) || this.#needs.owner() === undefined) return;
    this.#watched.add(kernel);
    void this.#looks(kernel)
      .catch(() => {}) // a ledger that cannot be told counts nothing
      .finally(() => this.#watched.delete(kernel));
  }

  async #looks(kernel: Kernel): Promise<void> {
    const { host, meter, owner, isCounted } = this.#needs;
    let wereEnded = false;
    for (let fromNs = host.monotonicNs(); ; ) {
      await new Promise<void>((look) => void host.timer(LOOK_MS, look));
      if (kernel.dead || kernel.programs.running.length === 0) return;
      const nowNs = host.monotonicNs();
      const isOver = !isCounted() && kernel.engine.busy && (await meter.spent(owner(), (nowNs - fromNs) / 1e6));
      fromNs = nowNs;
      if (!isOver || kernel.dead) continue;
      if (wereEnded) kernel.kill('deadline', "its programs go on though its owner's minute is used up");
      for (const { pid } of kernel.programs.running) kernel.init.syscall('kill', pid, SIGKILL).catch(() => {}); // a dead kernel has none
      wereEnded = true;
    }
  }
}
