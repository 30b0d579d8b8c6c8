/** Versions of a stored image: each write made one, and each can be looked at and gone back to. */

import { HostError } from '../../errors/host-error.ts';
import type { ByteSource } from '../../storage/byte-source.ts';
import { openDisk } from '../../storage/open-disk.ts';
import { collect } from '../../storage/volume/collect.ts';
import { dropVersion, rollBack } from '../../storage/volume/manage.ts';
import { UPLOADED, type Version, VolumeChangedError } from '../../storage/volume/versions.ts';
import { findVersion } from '../../storage/volume/volume.ts';
import { type Condition, isMet, type StoredImage } from '../storage/image-entry.ts';
import type { ImageStore, ImageVolume } from '../storage/image-store.ts';
import { lasting } from './disk-limits.ts';
import { imageNotFound, type KeepAlive, named } from './images.ts';

export interface ImageVersions {
  readonly etag: string;
  readonly current: string;
  /** Oldest first; what was uploaded is not among them. */
  readonly versions: readonly Version[];
}

/** Pinned to the version of this tag. */
export type StoredBytes = ByteSource & { readonly etag: string };

export interface ImageVersionJobs {
  list(name: string): Promise<ImageVersions>;
  /** The image is as that version, or as it was uploaded. */
  restore(name: string, id: string, condition: Condition): Promise<StoredImage>;
  /** Rejects with `version-in-use` for the current one. */
  drop(name: string, id: string): Promise<void>;
  /** Its bytes as they are stored, by range. */
  raw(name: string, version: string | undefined): Promise<StoredBytes>;
  /** The disk in them, whatever wraps it. */
  disk(name: string, version: string | undefined): Promise<StoredBytes>;
}

export interface ImageVersionNeeds {
  readonly images: ImageStore;
  readonly keepAlive: KeepAlive;
  readonly nowMs: () => number;
}

export function imageVersionJobs({ images, keepAlive, nowMs }: ImageVersionNeeds): ImageVersionJobs {
  const volumeOf = (name: string): Promise<ImageVolume> => named(name, images.volume(name));
  return {
    async list(name) {
      const image = await images.head(name);
      if (image === undefined) throw imageNotFound(name);
      if (!image.isWritten) return { etag: image.etag, current: UPLOADED, versions: [] };
      const { objects, baseId } = await volumeOf(name);
      const { head, versions } = await findVersion(objects, baseId, UPLOADED);
      return { etag: head?.etag ?? image.etag, current: head?.head.current ?? UPLOADED, versions };
    },
    async restore(name, id, condition) {
      const { image, objects, baseId } = await volumeOf(name);
      if (!isMet(image, condition)) throw new HostError('precondition-failed');
      const isConditional = condition.ifMatch !== undefined;
      await orRefused(rollBack(objects, baseId, id, isConditional ? image.etag : undefined));
      const now = await images.head(name);
      if (now === undefined) throw imageNotFound(name);
      return now;
    },
    async drop(name, id) {
      const { objects, baseId } = await volumeOf(name);
      if (id === UPLOADED || (await orRefused(dropVersion(objects, baseId, id))) === undefined) {
        throw new HostError('version-in-use');
      }
      keepAlive(collect(objects, { base: baseId, nowMs: nowMs() }));
    },
    raw: (name, version) => named(name, images.source(name, version)),
    async disk(name, version) {
      const stored = await named(name, images.source(name, version));
      const { content, device } = await openDisk(stored, lasting);
      if (device.cut !== undefined) throw new HostError('image-cut', device.cut);
      return { ...content, etag: stored.etag };
    },
  };
}

/** Somebody else was first: that is the condition that did not hold. */
export async function orRefused<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof VolumeChangedError) throw new HostError('precondition-failed', cause.message, { cause });
    throw cause;
  }
}
