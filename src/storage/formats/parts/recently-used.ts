/** A bounded map that forgets what was used longest ago. */

export interface RecentlyUsed<T> {
  get(key: number): T | undefined;
  /** One more is always kept, however large. */
  set(key: number, value: T, bytes: number): void;
  delete(key: number): void;
}

export function recentlyUsed<T>(maxBytes: number): RecentlyUsed<T> {
  const entries = new Map<number, { readonly value: T; readonly bytes: number }>();
  let held = 0;
  const remove = (key: number): void => {
    held -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      // A map keeps the order of insertion: the first is the oldest.
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, bytes) {
      remove(key);
      held += bytes;
      entries.set(key, { value, bytes });
      for (const oldest of entries.keys()) {
        if (held <= maxBytes || oldest === key) break;
        remove(oldest);
      }
    },
    delete: remove,
  };
}
