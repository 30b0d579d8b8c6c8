/** A sequence that can be cut off, even while somebody is waited for who sends its next item. */

/** Rejects with the signal's reason once that is aborted; whoever is waited for then is left alone. */
export function untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
  return signal ? cutOff(items, signal) : items;
}

async function* cutOff<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const from = items[Symbol.asyncIterator]();
  // One listener for all items: a promise that lives as long would remember each race that it was in.
  let cut: (reason: unknown) => void = () => {};
  const aborted = () => cut(signal.reason);
  signal.addEventListener('abort', aborted);
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        cut = reject;
        from.next().then(resolve, reject);
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', aborted);
    const ended = from.return?.();
    // Whoever waits for somebody would keep this waiting, too.
    if (signal.aborted) ended?.catch(() => {});
    else await ended;
  }
}
