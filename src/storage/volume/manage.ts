/** What is done to the versions of a volume as a whole: back to one, one dropped. */

import type { ObjectStore } from './object-store.ts';
import {
  type Head,
  type HeadObject,
  readHead,
  swapHead,
  UPLOADED,
  VersionGoneError,
  VolumeChangedError,
} from './versions.ts';

const MAX_TRIES = 5;

/**
 * The version, or what was uploaded, becomes the current one again; the others stay. `etag`: only where the head still is that.
 * Rejects with VersionGoneError when there is none of that id, with VolumeChangedError when the head is another.
 */
export const rollBack = (store: ObjectStore, base: string, id: string, etag?: string): Promise<HeadObject> =>
  change(store, base, etag, (head) => {
    if (id !== UPLOADED && !head.versions.some((version) => version.id === id)) throw new VersionGoneError(id);
    return { ...head, current: id };
  });

/** The current version cannot be dropped: the answer is then undefined. What only this one named is collected some day. */
export async function dropVersion(store: ObjectStore, base: string, id: string): Promise<HeadObject | undefined> {
  const found = await readHead(store);
  if (found?.head.base === base && found.head.current === id) return undefined;
  return change(store, base, undefined, (head) => {
    if (!head.versions.some((version) => version.id === id)) throw new VersionGoneError(id);
    if (head.current === id) throw new VolumeChangedError();
    return { ...head, versions: head.versions.filter((version) => version.id !== id) };
  });
}

/** Repeated where others change the head at the same time; a swap whose answer was lost may have happened. */
async function change(
  store: ObjectStore,
  base: string,
  only: string | undefined,
  next: (head: Head) => Head,
): Promise<HeadObject> {
  for (let tries = 1; ; tries += 1) {
    const found = await readHead(store);
    if (found === undefined || found.head.base !== base) throw new VersionGoneError('of this image');
    if (only !== undefined && found.etag !== only) throw new VolumeChangedError();
    const head = next(found.head);
    const etag = await swapHead(store, head, found.etag);
    if (etag !== undefined) return { head, etag };
    if (tries === MAX_TRIES) throw new VolumeChangedError();
  }
}
