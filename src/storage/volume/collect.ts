/** Deletes what no version of a volume names any more. Writers and readers may go on meanwhile. */

import { chunkKey, decodePage } from './chunk-map.ts';
import type { ObjectStore } from './object-store.ts';
import { readHead, readRoot, rootKey } from './versions.ts';
import { WRITER_LIFE_MS } from './writer.ts';

/** What is younger may belong to a writer that has not committed yet, or to a reader of a version just dropped. */
const GRACE_MS = 2 * WRITER_LIFE_MS;

/** Keys of one request to delete; R2 takes a thousand. */
const DELETE_KEYS = 500;

/** Chunks are looked at by the first digit of their hash, so that no more than a part of them is in memory. */
const DIGITS = [...'0123456789abcdef'];

/**
 * Answers how many objects and bytes it has deleted. `base` is what the image is now (undefined: there is none): a head of another
 * one names nothing. Keys are put by one writer and never again, so that what is unnamed and old stays unnamed. What was stored
 * after `beforeMs` is left alone, by default what is younger than a day; where the image was replaced or deleted, those who wrote
 * the one before are too late anyway, and the moment of that will do.
 */
export async function collect(
  store: ObjectStore,
  {
    base,
    nowMs,
    beforeMs = nowMs - GRACE_MS,
  }: { readonly base: string | undefined; readonly nowMs: number; readonly beforeMs?: number },
): Promise<{ readonly objects: number; readonly bytes: number }> {
  const head = await readHead(store);
  const versions = head !== undefined && head.head.base === base ? head.head.versions.map(({ id }) => id) : [];
  const pages = new Set<string>();
  for (const id of versions) for (const key of (await readRoot(store, id)).pages) if (key !== null) pages.add(key);

  let objects = 0;
  let bytes = 0;
  const sweep = async (prefix: string, named: ReadonlySet<string>) => {
    let doomed: string[] = [];
    for await (const { key, sizeBytes, storedMs } of store.list(prefix)) {
      if (named.has(key) || storedMs >= beforeMs) continue;
      doomed.push(key);
      objects += 1;
      bytes += sizeBytes;
      if (doomed.length < DELETE_KEYS) continue;
      await store.delete(doomed);
      doomed = [];
    }
    if (doomed.length > 0) await store.delete(doomed);
  };

  await sweep('roots/', new Set(versions.map(rootKey)));
  await sweep('pages/', pages);
  for (const digit of DIGITS) {
    const named = new Set<string>();
    for (const key of pages) {
      const page = await store.get(key);
      for (const chunk of page ? decodePage(page.bytes) : []) {
        if (typeof chunk === 'object' && chunk.hash.startsWith(digit)) named.add(chunkKey(chunk));
      }
    }
    await sweep(`chunks/${digit}`, named);
  }
  return { objects, bytes };
}

/** All whose keys begin with `prefix`, whatever their age. */
export async function deleteAll(store: ObjectStore, prefix: string): Promise<void> {
  let doomed: string[] = [];
  for await (const { key } of store.list(prefix)) {
    doomed.push(key);
    if (doomed.length < DELETE_KEYS) continue;
    await store.delete(doomed);
    doomed = [];
  }
  if (doomed.length > 0) await store.delete(doomed);
}
