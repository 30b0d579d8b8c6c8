/** Work of a kernel and of a client in turn, such as a file on its way: none of them holds a session up for good. */

import type { Host } from '../../kernel/host.ts';
import type { HostedTask } from '../../kernel/hosted-task.ts';
import type { Kernel } from '../../kernel/kernel.ts';

/** What the kernel may take for one step: a file may be one whose read never ends. */
const STALL_MS = 30_000;

/** Awaits a step of the client's. */
export type WaitFor = <T>(step: Promise<T>) => Promise<T>;

/** A kernel, and the task that does the work. */
export interface Watchable {
  readonly engine: Pick<Kernel['engine'], 'onDeath'>;
  readonly task: Pick<HostedTask, 'waitFor'>;
  /** It took too long. */
  stalled(detail: string): void;
}

/** `stalled` is called when the kernel takes too long between two waits for the client; and such a wait ends when the kernel does. */
export async function watched<T>(
  { engine, task, stalled }: Watchable,
  host: Pick<Host, 'timer'>,
  work: (waitFor: WaitFor) => Promise<T>,
): Promise<T> {
  const { promise: dead, reject } = Promise.withResolvers<never>();
  dead.catch(() => {}); // who waits for it hears it
  engine.onDeath(reject);
  const arm = () => host.timer(STALL_MS, () => stalled(`it did not get on for ${STALL_MS} ms`));
  let cancel = arm();
  const waitFor: WaitFor = async (step) => {
    cancel();
    try {
      return await task.waitFor(Promise.race([step, dead]));
    } finally {
      cancel = arm();
    }
  };
  try {
    return await work(waitFor);
  } finally {
    cancel();
  }
}
