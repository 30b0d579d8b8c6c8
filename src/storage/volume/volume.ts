/** A version of an image, found by its id: a state of its volume, or the object that was uploaded. */

import type { BlockDevice } from '../block-device.ts';
import { fitted } from './fitted.ts';
import type { ObjectStore } from './object-store.ts';
import { volumeReader } from './reader.ts';
import {
  type HeadObject,
  type Root,
  readHead,
  readRoot,
  UPLOADED,
  type Version,
  VersionGoneError,
} from './versions.ts';

export interface FoundVersion {
  /** As it is stored now, though it may be of an object that was replaced. */
  readonly head: HeadObject | undefined;
  /** Oldest first; none where nothing was written since the object was uploaded. */
  readonly versions: readonly Version[];
  /** Both undefined: the version is the object that was uploaded. */
  readonly version: Version | undefined;
  readonly root: Root | undefined;
}

/** `base` names the uploaded object as it is now. Default of `id`: the current version. Rejects with VersionGoneError. */
export async function findVersion(store: ObjectStore, base: string, id?: string): Promise<FoundVersion> {
  const head = await readHead(store);
  const { versions, current } = head?.head.base === base ? head.head : { versions: [], current: UPLOADED };
  const wanted = id ?? current;
  if (wanted === UPLOADED) return { head, versions, version: undefined, root: undefined };
  const version = versions.find((one) => one.id === wanted);
  if (version === undefined) throw new VersionGoneError(wanted);
  return { head, versions, version, root: await readRoot(store, wanted) };
}

/** What a version shows; `base` is the uploaded object as a disk. */
export const versionDevice = (store: ObjectStore, { root }: FoundVersion, base: BlockDevice): BlockDevice =>
  root === undefined ? base : volumeReader({ store, root, base: fitted(base, root) });
