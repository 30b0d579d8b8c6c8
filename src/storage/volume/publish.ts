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
  /** Where somebody else's version is the current one by now, this one is there beside it. */
  readonly keepsAside?: boolean | undefined;
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
  const { version, base, expects, keepsAside } = publication;
  const isOvertaken = (found: HeadObject | undefined) => found?.head.base === base && found.head.current !== expects;
  let found = known;
  for (let tries = 1; tries <= MAX_TRIES && !isOvertaken(found); tries += 1) {
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
    if (!goesOn) break;
  }
  throw new VolumeChangedError(keepsAside && (await keepAside(store, publication, found)) ? version.id : undefined);
}

/** Whether `version` is one of the volume's now, though not its current one. */
async function keepAside(store: ObjectStore, publication: Publication, known?: HeadObject): Promise<boolean> {
  let found = known;
  for (let tries = 1; tries <= MAX_TRIES && found?.head.base === publication.base; tries += 1) {
    const head = { ...withVersion(found.head, publication), current: found.head.current };
    // What it replaces may be what somebody went back to.
    if (publication.replaces === head.current) return false;
    if ((await swapHead(store, head, found.etag)) !== undefined) return true;
    found = await readHead(store);
    if (found?.head.versions.some(({ id }) => id === publication.version.id)) return true;
  }
  return false;
}

function withVersion(head: Head | undefined, { version, base, replaces }: Publication): Head {
  const kept = head?.base === base ? head.versions.filter(({ id }) => id !== replaces) : [];
  return { base, current: version.id, versions: [...kept, version] };
}
