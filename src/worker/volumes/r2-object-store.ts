/** The objects of one volume in an R2 bucket. */

import { HostError } from '../../errors/host-error.ts';
import { ReadFailedError } from '../../storage/errors.ts';
import type { ObjectStore } from '../../storage/volume/object-store.ts';
import { fill } from '../storage/fill.ts';

/** Pauses before the second and the third, last, attempt. */
const RETRY_DELAYS_MS = [100, 400];

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Under the keys that begin with `prefix`. What can be repeated is tried three times; a swap is tried once, as its caller
 * must look what became of it. What still fails is `storage-failed`.
 */
export function r2ObjectStore(
  bucket: Pick<R2Bucket, 'get' | 'put' | 'delete' | 'list'>,
  prefix: string,
  { pause = sleep }: { readonly pause?: (ms: number) => Promise<void> } = {},
): ObjectStore {
  const attempt = async <T>(what: string, task: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await task();
      } catch (cause) {
        const delayMs = RETRY_DELAYS_MS[tries];
        if (delayMs === undefined) throw failed(what, cause);
        await pause(delayMs);
      }
    }
  };
  return {
    get: (key) =>
      attempt(key, async () => {
        const object = await bucket.get(prefix + key);
        return object === null ? undefined : { bytes: new Uint8Array(await object.arrayBuffer()), etag: object.etag };
      }),
    read: (key, offset, into) =>
      attempt(key, async () => {
        const object = await bucket.get(prefix + key, { range: { offset, length: into.length } });
        if (object === null) throw new ReadFailedError(`${key} is missing`);
        await fill(into, object.body, `R2 object ${key}`);
      }),
    put: (key, bytes) => attempt(key, async () => void (await bucket.put(prefix + key, bytes))),
    async swap(key, bytes, etag) {
      const onlyIf: R2Conditional = etag === undefined ? { etagDoesNotMatch: '*' } : { etagMatches: etag };
      try {
        return (await bucket.put(prefix + key, bytes, { onlyIf }))?.etag;
      } catch (cause) {
        throw failed(key, cause);
      }
    },
    delete: (keys) => attempt('a deletion', () => bucket.delete(keys.map((key) => prefix + key))),
    async *list(begin) {
      for (let cursor: string | undefined, more = true; more; ) {
        const at = cursor;
        const page = await attempt(begin, () =>
          bucket.list({ prefix: prefix + begin, ...(at !== undefined && { cursor: at }) }),
        );
        for (const { key, size, uploaded } of page.objects) {
          yield { key: key.slice(prefix.length), sizeBytes: size, storedMs: uploaded.getTime() };
        }
        more = page.truncated;
        cursor = page.truncated ? page.cursor : undefined;
      }
    },
  };
}

function failed(what: string, cause: unknown): HostError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HostError('storage-failed', `${what}: ${message}`, { cause });
}
