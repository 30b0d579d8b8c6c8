/** Has what changes synced soon, however long changes go on: whoever is killed loses the last moment alone. */

export interface SyncSoon {
  changed(): void;
  /** Nothing is synced by it any more. */
  stop(): void;
}

/** `sync` is called `afterMs` after a change that none has covered, one at a time; `failed` once, and nothing is synced after that. */
export function syncSoon(sync: () => Promise<void>, failed: (cause: unknown) => void, afterMs: number): SyncSoon {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRunning = false;
  let isChanged = false;
  let isOver = false;
  const begin = () => {
    if (isOver || isRunning || timer !== undefined) return;
    timer = setTimeout(() => void run(), afterMs);
  };
  const run = async () => {
    timer = undefined;
    isRunning = true;
    isChanged = false;
    try {
      await sync();
    } catch (cause) {
      isOver = true;
      failed(cause);
    }
    isRunning = false;
    if (isChanged) begin();
  };
  return {
    changed() {
      isChanged = true;
      begin();
    },
    stop() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
