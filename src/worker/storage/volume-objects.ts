/** The objects of one volume in an R2 bucket. */

import { HostError } from '../../errors/host-error.ts';
import { ObjectGoneError, type ObjectStore, type StoredObject } from '../../storage/volume/object-store.ts';
import { decodeHead, encodeHead, HEAD, UPLOADED } from '../../storage/volume/versions.ts';
import { fill } from './fill.ts';
import { contentOf, isDeleted, isVolume, volumeMetadata } from './image-entry.ts';
import { RETRY_DELAYS_MS, sleep } from './r2-source.ts';

export interface VolumePlace {
  /** The key of the note under the image's name, which is the volume's head. */
  readonly note: string;
  /** What was uploaded, as the note names it. */
  readonly content: string;
  /** What keys of all other objects begin with. */
  readonly prefix: string;
}

/**
 * What can be repeated is tried three times; a swap is tried once, as its caller must look what became of it. What still
 * fails is `storage-failed`.
 */
export function volumeObjects(
  bucket: Pick<R2Bucket, 'get' | 'put' | 'delete' | 'list'>,
  { note, content, prefix }: VolumePlace,
  { pause = sleep }: { readonly pause?: (ms: number) => Promise<void> } = {},
): ObjectStore {
  const attempt = async <T>(what: string, task: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await task();
      } catch (cause) {
        if (cause instanceof ObjectGoneError) throw cause;
        const delayMs = RETRY_DELAYS_MS[tries];
        if (delayMs === undefined) throw failed(what, cause);
        await pause(delayMs);
      }
    }
  };
  /** The note as it was when it was looked at last: what it says beside its body stays as long as the content does. */
  let noted: R2ObjectBody | undefined;
  /** The note as the head of a volume, or of one that is yet to be begun. */
  const head = async (): Promise<StoredObject | undefined> => {
    const object = await bucket.get(note);
    const there = object === null || isDeleted(object) ? undefined : contentOf(object);
    if (object === null || there === undefined) return undefined;
    noted = object;
    const body = new Uint8Array(await object.arrayBuffer());
    const bytes = isVolume(object) ? body : encodeHead({ base: there, current: UPLOADED, versions: [] });
    return { bytes, etag: object.etag };
  };
  const store: ObjectStore = {
    get: (key) =>
      attempt(key, async () => {
        if (key === HEAD) return head();
        const object = await bucket.get(prefix + key);
        return object === null ? undefined : { bytes: new Uint8Array(await object.arrayBuffer()), etag: object.etag };
      }),
    read: (key, offset, into) =>
      attempt(key, async () => {
        const object = await bucket.get(prefix + key, { range: { offset, length: into.length } });
        if (object === null) throw new ObjectGoneError(key);
        await fill(into, object.body, `R2 object ${key}`);
      }),
    put: (key, bytes) => attempt(key, async () => void (await bucket.put(prefix + key, bytes))),
    async swap(key, bytes, etag) {
      if (key !== HEAD) throw new Error(`${key} is never replaced`);
      if (noted === undefined) await store.get(HEAD);
      // Where there is no image there is nothing to be written to.
      if (etag === undefined || noted === undefined || contentOf(noted) !== content) return undefined;
      const options = { onlyIf: { etagMatches: etag }, customMetadata: volumeMetadata(noted, sizeIn(bytes)) };
      try {
        return (await bucket.put(note, bytes, options))?.etag;
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
  return store;
}

/** What its current version says of its size. */
function sizeIn(head: Uint8Array): number | undefined {
  const { current, versions } = decodeHead(head);
  return versions.find(({ id }) => id === current)?.sizeBytes;
}

function failed(what: string, cause: unknown): HostError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HostError('storage-failed', `${what}: ${message}`, { cause });
}
