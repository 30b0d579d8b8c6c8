/** Objects of a volume whose bytes are counted: those about to be put, those a version names, those that are deleted. */

import type { ObjectStore } from '../../storage/volume/object-store.ts';

export interface Counting {
  /** So many bytes in all are about to be put and are no version's yet. Rejects with `over-quota`. */
  reserve(bytes: number): Promise<void>;
  /** What was reserved is a version's. */
  committed(bytes: number): Promise<void>;
  freed(bytes: number): Promise<void>;
}

/** So much more is reserved at once: one question for sixteen chunks. */
const STEP_BYTES = 2 ** 20;

export function countedObjects(objects: ObjectStore, counting: Counting): ObjectStore & { readonly putBytes: number } {
  let put = 0;
  let reserved = 0;
  /** One question at a time, so that the last one is the largest. */
  let asking: Promise<unknown> = Promise.resolve();
  const sizes = new Map<string, number>();

  const reserve = (): Promise<void> => {
    const asked = asking.then(async () => {
      if (put <= reserved) return;
      const wanted = put + STEP_BYTES;
      await counting.reserve(wanted);
      reserved = wanted;
    });
    asking = asked.catch(() => {});
    return asked;
  };

  return {
    ...objects,
    get putBytes() {
      return put;
    },
    async put(key, bytes) {
      put += bytes.length;
      if (put > reserved) await reserve();
      await objects.put(key, bytes);
    },
    async swap(key, bytes, etag) {
      const swapped = await objects.swap(key, bytes, etag);
      if (swapped === undefined || put === 0) return swapped;
      const committed = put;
      put = 0;
      reserved = 0;
      await counting.committed(committed);
      return swapped;
    },
    async *list(prefix) {
      for await (const found of objects.list(prefix)) {
        sizes.set(found.key, found.sizeBytes);
        yield found;
      }
    },
    async delete(keys) {
      await objects.delete(keys);
      const freed = keys.reduce((sum, key) => sum + (sizes.get(key) ?? 0), 0);
      for (const key of keys) sizes.delete(key);
      if (freed > 0) await counting.freed(freed);
    },
  };
}
