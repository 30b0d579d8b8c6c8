/** Timers that are files, of intervals so short that whoever reads them would do nothing else: what is read comes less often, and tells of more. */

import type { OpenFile } from '../../files/open-files.ts';
import type { Call } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { isOften, leastGapNs } from '../../time/often.ts';
import { sleepNs } from './clocks.ts';

const NS_PER_MS = 1e6;
const EINTR = negative('EINTR');

interface Rest {
  readonly sinceMs: number;
  lastMs: number;
}

const often = new WeakMap<OpenFile, Rest>();

export const rests = {
  /** A file ticks so often from now on. */
  set(file: OpenFile, everyNs: number, nowMs: number): void {
    if (isOften(everyNs)) often.set(file, { sinceMs: nowMs, lastMs: nowMs });
    else often.delete(file);
  },

  /** Before it is read. Answers false where a signal ended that. */
  async take(call: Call, task: KernelTask, file: OpenFile): Promise<boolean> {
    const rest = often.get(file);
    if (!rest) return true;
    const nowMs = call.around.nowMs();
    const leftNs = leastGapNs((nowMs - rest.sinceMs) * NS_PER_MS) - (nowMs - rest.lastMs) * NS_PER_MS;
    if (leftNs > 0 && (await sleepNs(call, task, leftNs)) === EINTR) return false;
    rest.lastMs = call.around.nowMs();
    return true;
  },
} as const;
