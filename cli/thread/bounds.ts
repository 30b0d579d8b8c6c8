/** What a command that may compute and hear nothing asks of the thread that has the signals: to be ended then. */

import { isMainThread, parentPort } from 'node:worker_threads';
import type { Told } from './messages.ts';

export type Bounds = Omit<Extract<Told, { kind: 'bounds' }>, 'kind'>;

/** Without a thread of its own nobody else looks at the clock. */
export function endIf(bounds: Bounds): void {
  if (!isMainThread) parentPort?.postMessage({ kind: 'bounds', ...bounds } satisfies Told);
}
