/** One kernel into the store, whole. */

import { KernelError } from '../../../kernel/kernel-error.ts';
import { NotQuiesced } from '../../../kernel/snapshot/snapshot.ts';
import { type SuspendNeeds, suspend } from '../../../kernel/snapshot/suspend.ts';
import { partsOf, type Texts } from '../saved.ts';
import type { SessionRecord } from './record.ts';
import type { Live, SessionNeeds } from './waking.ts';

export interface SavingNeeds extends Pick<SessionNeeds, 'kernels' | 'buildId' | 'nowMs'> {
  readonly record: SessionRecord;
}

const HOLDS_KEYS = 'it has an encrypted volume open: what is stored of it would have the key in it';

/** Afterwards the kernel is at rest, and stored; or it goes on, and the obstacle is answered. */
export async function save(
  live: Live,
  { kernels, buildId, nowMs, record }: SavingNeeds,
  wait: Pick<SuspendNeeds, 'turn' | 'patienceNs'>,
): Promise<string | undefined> {
  if (live.holdsKeys) return HOLDS_KEYS;
  const busy = live.tasks.all.find((task) => task.busy);
  // What it waits for may never come: no time passes for it here.
  if (busy) return `task ${busy.name} (pid ${busy.task.pid}) is inside ${busy.pending?.call ?? 'a call'}`;
  // Its stack is the engine's: until it has ended there is nothing to wait for.
  const [program] = live.kernel.programs.running;
  if (program)
    return `program ${program.name} (pid ${program.pid}) runs, and its stack cannot be saved: wait until it has ended, or kill it`;
  const { open } = live.ports;
  if (open > 0) return `${open} ${open === 1 ? 'connection' : 'connections'} to its ports are open`;
  const [cable] = live.interfaces.connected;
  if (cable !== undefined) return `interface ${cable} is connected`;
  const startMs = nowMs();
  const clean = () => kernels.cleanMemory;
  try {
    const suspended = await suspend(live.kernel, { clean, ...wait });
    const parts = partsOf(suspended, buildId, live, textsOf(live), live.tasks.saved);
    const bytes = [...parts.values()].reduce((sum, part) => sum + part.length, 0);
    const atMs = nowMs();
    record.noteWith({ type: 'stored', as: { atMs, tookMs: atMs - startMs, bytes } }, parts);
    return undefined;
  } catch (cause) {
    // A kernel that goes on is no worse for not having been stored, whatever its programs did to prevent that.
    const isObstacle = cause instanceof NotQuiesced || (cause instanceof KernelError && !live.kernel.dead);
    if (!isObstacle) throw cause;
    return cause.message;
  }
}

export const textsOf = ({ kernel, strace }: Live): Texts => ({ console: kernel.console, strace: strace.text });
