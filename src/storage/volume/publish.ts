/** The one step that makes a version: the head is swapped, and a swap whose answer was lost is looked up. */

import type { ObjectStore } from './object-store.ts';
import { type Head, type HeadObject, readHead, swapHead, type Version, VolumeChangedError } from './versions.ts';

/** Swaps that lost against others who changed nothing but the list of versions, or that failed on the way. */
const MAX_TRIES = 5;

export interface Publication {
  readonly version: Version;
  /** Of the object that the volume was begun from. */
  readonly base: string;
  /** The id of what is to be the current version until now. */
  readonly expects: string;
  /** A version of the same writer that this one takes the place of. */
  readonly replaces: string | undefined;
}

/**
 * Makes `version` the current one if what it expects still is; rejects with VolumeChangedError if not. `known` is what the head was
 * when its writer looked last. Once this settles, the version is there for good; rejected with anything else, it may be.
 */
export async function publish(
  store: ObjectStore,
  publication: Publication,
  known: HeadObject | undefined,
): Promise<HeadObject> {
  const { version, base, expects } = publication;
  let found = known;
  for (let tries = 1; ; tries += 1) {
    const head = withVersion(found?.head, publication);
    const tried = found?.etag;
    try {
      const etag = await swapHead(store, head, found?.etag);
      if (etag !== undefined) return { head, etag };
    } catch (cause) {
      if (tries === MAX_TRIES) throw cause;
    }
    found = await readHead(store);
    if (found?.head.base === base && found.head.current === version.id) return found;
    // The list of versions may have changed meanwhile, but not what this one was made from.
    const goesOn = found?.etag === tried || (found?.head.base === base && found.head.current === expects);
    if (!goesOn || tries === MAX_TRIES) throw new VolumeChangedError();
  }
}

function withVersion(head: Head | undefined, { version, base, replaces }: Publication): Head {
  const kept = head?.base === base ? head.versions.filter(({ id }) => id !== replaces) : [];
  return { base, current: version.id, versions: [...kept, version] };
}
