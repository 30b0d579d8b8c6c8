/** Changes of what is in a stored image: Linux writes them, and they are one version together, or none. */

import { readTar, TarError } from '../../archive/tar-reader.ts';
import { HostError } from '../../errors/host-error.ts';
import type { MountRequest } from '../../image/mounted-image.ts';
import type { Linux, MountedWritableTree } from '../../linux.ts';
import { cached } from '../../storage/cached.ts';
import { deviceSource as deviceBytes } from '../../storage/device-source.ts';
import { openDisk } from '../../storage/open-disk.ts';
import { rawDevice } from '../../storage/raw-device.ts';
import type { Room } from '../../storage/room.ts';
import { collect } from '../../storage/volume/collect.ts';
import { UPLOADED } from '../../storage/volume/versions.ts';
import { findVersion, versionDevice } from '../../storage/volume/volume.ts';
import { volumeWriter } from '../../storage/volume/writer.ts';
import type { CopyReport } from '../../tree/write/copy-tree.ts';
import { tarEntries } from '../../tree/write/tar-entries.ts';
import { type Condition, isMet } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import type { KeepAlive } from './images.ts';
import { type Body, type IncomingLimits, openBody } from './incoming.ts';
import { named, orRefused } from './versions.ts';

export type WritableTree = Pick<MountedWritableTree, 'tree' | 'changes' | 'fill'>;

/** The version that a write made; the one that was there where it changed nothing. */
export interface Written {
  readonly etag: string;
  readonly version: string;
}

export interface ImageWriteJobs {
  /**
   * `change` works on the mounted tree. When it and the unmount have succeeded, all of it is a version, for good once this
   * settles; when anything failed, the image is as it was.
   */
  write<T>(
    name: string,
    condition: Condition,
    request: MountRequest,
    change: (tree: WritableTree) => Promise<T>,
  ): Promise<Written & { readonly result: T }>;
  /** A tar is unpacked below `directory`, which is there. Rejects with `bad-tar` where it is none, or half of one. */
  fill(
    name: string,
    condition: Condition,
    request: MountRequest,
    what: { readonly body: Body; readonly directory: Uint8Array },
  ): Promise<Written & { readonly result: CopyReport }>;
}

export interface ImageWriteNeeds {
  readonly images: ImageStore;
  readonly engine: Pick<Linux, 'openWritableTree'>;
  readonly limits: IncomingLimits;
  readonly keepAlive: KeepAlive;
  readonly room: Room;
  readonly nowMs: () => number;
  /** 16 hex digits that no other has. */
  readonly writerName: () => string;
}

/** What is read of the image while it is written. */
const CACHE_MIB = 8;

/**
 * Of each write one: small ones make more objects, large ones more bytes a change. A file of some KB in an ext4 touches some ten
 * blocks of metadata: with 64 KiB it is 0.5 MB in eight objects, with 256 KiB 1.8 MB in seven.
 */
const CHUNK_BYTES = 64 * 1024;

const MAX_VERSIONS = 1000;

/** So often what no version names any more is looked for. */
const COLLECT_EVERY = 16;

export function imageWriteJobs(needs: ImageWriteNeeds): ImageWriteJobs {
  const { images, engine, limits, keepAlive, room, nowMs, writerName } = needs;
  const jobs: ImageWriteJobs = {
    async write(name, condition, request, change) {
      const { image, base, baseId, objects } = await named(name, images.volume(name));
      if (!isMet(image, condition)) throw new HostError('precondition-failed');
      const found = await findVersion(objects, baseId);
      if (found.versions.length >= MAX_VERSIONS) throw new HostError('too-many-versions');
      const bottom = rawDevice(base);
      await mustBeRaw(versionDevice(objects, found, bottom), image.sizeBytes);
      const volume = volumeWriter({
        store: objects,
        base: bottom,
        baseId,
        head: found.head,
        root: found.root,
        chunkBytes: CHUNK_BYTES,
        writer: writerName(),
        room,
        nowMs,
      });
      try {
        const device = cached(volume.device, { maxMib: CACHE_MIB, room });
        const mounted = await engine.openWritableTree(device, request);
        let result: Awaited<ReturnType<typeof change>>;
        try {
          result = await change(mounted);
          await mounted.close();
        } catch (cause) {
          mounted.abandon();
          throw cause;
        }
        const version = await orRefused(volume.commit());
        if (version && found.versions.length % COLLECT_EVERY === COLLECT_EVERY - 1) {
          keepAlive(collect(objects, { base: baseId, nowMs: nowMs() }));
        }
        return {
          etag: version?.etag ?? image.etag,
          version: version?.id ?? found.version?.id ?? UPLOADED,
          result,
        };
      } finally {
        volume.close();
      }
    },
    async fill(name, condition, request, { body, directory }) {
      const { bytes } = await openBody(body, limits);
      try {
        return await jobs.write(name, condition, request, (tree) => tree.fill(directory, tarEntries(readTar(bytes))));
      } catch (cause) {
        throw cause instanceof TarError ? new HostError('bad-tar', cause.message, { cause }) : cause;
      }
    },
  };
  return jobs;
}

/** What stands behind a format is not written through it. */
async function mustBeRaw(device: Parameters<typeof deviceBytes>[0], sizeBytes: number): Promise<void> {
  const { format } = await openDisk(deviceBytes(device, sizeBytes));
  if (format === 'raw') return;
  throw new HostError('read-only-device', `the image is ${format}: only raw images can be written; convert it first`);
}
