/** Stored images as disks to write: what is written is one version of the image, or none. */

import { HostError } from '../../errors/host-error.ts';
import { type BlockDevice, bytesOf } from '../../storage/block-device.ts';
import { cached } from '../../storage/layers/cached.ts';
import { openDisk } from '../../storage/open-disk.ts';
import { heldRoom, type Room } from '../../storage/room.ts';
import { deviceSource } from '../../storage/sources/device-source.ts';
import { collect } from '../../storage/volume/collect.ts';
import { UPLOADED } from '../../storage/volume/versions.ts';
import { type FoundVersion, findVersion, versionDevice } from '../../storage/volume/volume.ts';
import { type VolumeWriter, volumeWriter } from '../../storage/volume/writer.ts';
import { type Condition, isMet } from '../storage/image-entry.ts';
import type { ImageStore, ImageVolume } from '../storage/image-store.ts';
import { lasting } from './disk-limits.ts';
import { type KeepAlive, named } from './images.ts';
import { orRefused } from './versions.ts';

/** The version that a write made; the one that was there where it changed nothing. */
export interface Written {
  readonly etag: string;
  readonly version: string;
}

export interface ImageDisk {
  readonly device: BlockDevice;
  /** Gives its memory back. What was not committed never was. */
  close(): Promise<void>;
}

export interface OpenedImageDisk extends ImageDisk, Written {
  /** Bytes of the image until now. */
  readonly sizeBytes: number;
  /** What ids of the versions that it makes begin with. */
  readonly writer: string;
  /** Names what was uploaded, under all versions. */
  readonly baseId: string;
  /** All that was written is a version, for good once this settles. `sizeBytes`: and the image is so large, no larger than the device. */
  commit(sizeBytes?: number): Promise<Written>;
}

export interface MadeImageDisk extends ImageDisk {
  /** It is the image of its name, for good once this settles. Rejects with `precondition-failed`. */
  keep(condition: Condition, sizeBytes?: number): Promise<Written & { readonly sizeBytes: number }>;
}

export interface OpenImageDiskOptions {
  /** So large is the device while it is written, if that is more than the image. */
  readonly deviceBytes?: number | undefined;
  /** The one to go on from. Default: the current one. */
  readonly version?: string | undefined;
  /** What is committed after somebody else made a version is one beside it; committing still rejects. */
  readonly keepsAside?: boolean | undefined;
}

export interface ImageDisks {
  /** Rejects with `read-only-device` where it is not raw. */
  open(name: string, condition: Condition, options?: OpenImageDiskOptions): Promise<OpenedImageDisk>;
  /** A new image of zeros. */
  create(name: string, sizeBytes: number): Promise<MadeImageDisk>;
  /** A disk of zeros that is never kept: what does not fit memory is in the bucket until it is closed. */
  scratch(sizeBytes: number): Promise<ImageDisk>;
}

export interface ImageDiskNeeds {
  readonly images: ImageStore;
  /** Where scratch is: nobody's, and under no name. */
  readonly spool: Pick<ImageStore, 'create'>;
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
/** Of an image that is made here: all of it is written, once, and each chunk is a request. */
const MADE_CHUNK_BYTES = 256 * 1024;

const MAX_VERSIONS = 1000;

/** So often what no version names any more is looked for. */
const COLLECT_EVERY = 16;

const SCRATCH = 'scratch';

const NOTHING: FoundVersion = { head: undefined, versions: [], version: undefined, root: undefined };

export function imageDisks({ images, spool, keepAlive, room, nowMs, writerName }: ImageDiskNeeds): ImageDisks {
  /** Those of one request share its room: the last one that is written may find it full of what the others have. */
  const open = new Set<VolumeWriter>();
  const shedBut = async (mine: VolumeWriter): Promise<boolean> => {
    for (const other of open) if (other !== mine && (await other.shed())) return true;
    return false;
  };
  const writerOf = (
    { objects, base, baseId }: Omit<ImageVolume, 'image'>,
    { head, root, version }: FoundVersion,
    options: { readonly chunkBytes: number; readonly sizeBytes?: number; readonly keepsAside?: boolean | undefined },
    writer = writerName(),
  ) => {
    // An image that is made to fit is several disks, one after another.
    const held = heldRoom(room);
    const volume: VolumeWriter = volumeWriter({
      store: objects,
      base,
      baseId,
      head,
      root,
      version,
      writer,
      room: held,
      othersShed: () => shedBut(volume),
      nowMs,
      ...options,
    });
    open.add(volume);
    return {
      device: cached(volume.device, { maxMib: CACHE_MIB, room: held }),
      commit: (sizeBytes?: number) => volume.commit(sizeBytes),
      close() {
        open.delete(volume);
        volume.close();
        held.release();
      },
    };
  };

  async function make(store: Pick<ImageStore, 'create'>, name: string, sizeBytes: number): Promise<MadeImageDisk> {
    const made = await store.create(name, sizeBytes);
    const writer = writerOf(made, NOTHING, { chunkBytes: MADE_CHUNK_BYTES });
    let isKept = false;
    return {
      device: writer.device,
      async keep(condition, bytes) {
        const version = await orRefused(writer.commit(bytes));
        isKept = true;
        const image = await made.keep(condition);
        if (image === undefined) throw new HostError('precondition-failed');
        return { etag: image.etag, version: version?.id ?? UPLOADED, sizeBytes: image.sizeBytes };
      },
      async close() {
        writer.close();
        if (!isKept) await made.discard();
      },
    };
  }

  return {
    create: (name, sizeBytes) => make(images, name, sizeBytes),
    scratch: (sizeBytes) => make(spool, SCRATCH, sizeBytes),
    async open(name, condition, { deviceBytes = 0, version, keepsAside } = {}) {
      const volume = await named(name, images.volume(name));
      const { image, base, baseId, objects } = volume;
      if (!isMet(image, condition)) throw new HostError('precondition-failed');
      const found = await findVersion(objects, baseId, version);
      if (found.versions.length >= MAX_VERSIONS) throw new HostError('too-many-versions');
      await mustBeRaw(versionDevice(objects, found, base));
      const grown = deviceBytes > image.sizeBytes ? { sizeBytes: deviceBytes } : {};
      const writerId = writerName();
      const writer = writerOf(volume, found, { chunkBytes: CHUNK_BYTES, keepsAside, ...grown }, writerId);
      let now: Written = { etag: image.etag, version: found.version?.id ?? UPLOADED };
      return {
        device: writer.device,
        sizeBytes: image.sizeBytes,
        ...now,
        writer: writerId,
        baseId,
        async commit(sizeBytes) {
          const version = await orRefused(writer.commit(sizeBytes));
          if (version && found.versions.length % COLLECT_EVERY === COLLECT_EVERY - 1) {
            keepAlive(collect(objects, { base: baseId, nowMs: nowMs() }));
          }
          if (version) now = { etag: version.etag, version: version.id };
          return now;
        },
        close: async () => writer.close(),
      };
    },
  };
}

/** What stands behind a format is not written through it. */
async function mustBeRaw(device: BlockDevice): Promise<void> {
  const { format } = await openDisk(deviceSource(device, bytesOf(device)), lasting);
  if (format === 'raw') return;
  throw new HostError('read-only-device', `the image is ${format}: only raw images can be written; convert it first`);
}
