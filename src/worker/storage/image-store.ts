/** Images as objects of an R2 bucket: whole, in parts, listed, deleted; each change on condition is one conditional write. */

import { HostError } from '../../errors/host-error.ts';
import { type BlockDevice, bytesOf } from '../../storage/block-device.ts';
import { ImageNotFoundError } from '../../storage/errors.ts';
import { rawDevice } from '../../storage/raw-device.ts';
import { deviceSource } from '../../storage/sources/device-source.ts';
import { deleteAll } from '../../storage/volume/collect.ts';
import { zeros } from '../../storage/volume/fitted.ts';
import type { ObjectStore } from '../../storage/volume/object-store.ts';
import { UPLOADED, VersionGoneError } from '../../storage/volume/versions.ts';
import { findVersion, versionDevice } from '../../storage/volume/volume.ts';
import { WRITER_LIFE_MS } from '../../storage/volume/writer.ts';
import {
  baseBytesOf,
  type Condition,
  type Content,
  contentOf,
  deletedMetadata,
  type FoundObject,
  imageIn,
  isBlank,
  isDeleted,
  isMet,
  isVolume,
  noteMetadata,
  ownedBy,
  type StoredImage,
} from './image-entry.ts';
import { named, type PartsUpload, partsUpload, type StoredPart, sized } from './r2-objects.ts';
import { immutableSource, type R2Source, r2Source } from './r2-source.ts';
import { volumeObjects } from './volume-objects.ts';

/** An image on its way in, in parts. */
export interface ImageUpload extends Omit<PartsUpload<unknown>, 'complete'> {
  /** Undefined: the condition did not hold. Looked at before the parts are joined, and again as the image appears. */
  complete(parts: readonly StoredPart[], condition: Condition): Promise<StoredImage | undefined>;
}

export interface ImageStore {
  head(name: string): Promise<StoredImage | undefined>;
  /** In byte order of their names, those after `after`. */
  list(page: {
    readonly prefix: string;
    readonly limit: number;
    readonly after?: string | undefined;
  }): Promise<{ readonly images: readonly StoredImage[]; readonly more: boolean }>;
  /**
   * Atomic: the image is replaced whole or not at all. `lengthBytes` is exact and at most MAX_PUT_BYTES.
   * Undefined: the condition did not hold.
   */
  put(
    name: string,
    body: AsyncIterable<Uint8Array>,
    lengthBytes: number,
    condition: Condition,
  ): Promise<StoredImage | undefined>;
  /** Atomic too. False: the condition did not hold, or there was none. */
  delete(name: string, condition: Condition): Promise<boolean>;
  createUpload(name: string): Promise<ImageUpload>;
  /** Does not look whether there is one: its first use does. */
  resumeUpload(name: string, id: string): ImageUpload;
  /** Read by range, pinned to the version of now, or to the one of this id. */
  source(name: string, version?: string): Promise<R2Source & { readonly owner: string | undefined }>;
  /** What is needed to write to it, and to tell its versions. Rejects with ImageNotFoundError. */
  volume(name: string): Promise<ImageVolume>;
  /** A new image of zeros, which nobody sees until it is kept. */
  create(name: string, sizeBytes: number): Promise<NewImage>;
}

/** An image that is being made: a volume like another's, under a name that nobody knows. */
export interface NewImage extends Omit<ImageVolume, 'image'> {
  /**
   * What was committed to it is the image of its name from now on, in one step. Undefined: the condition did not hold. Either
   * way it is over.
   */
  keep(condition: Condition): Promise<StoredImage | undefined>;
  /** It never was. */
  discard(): Promise<void>;
}

/** An image as a volume: what was uploaded, and the versions written since. */
export interface ImageVolume {
  readonly image: StoredImage;
  /** What was uploaded, and its name: it is never replaced. */
  readonly base: BlockDevice;
  readonly baseId: string;
  readonly objects: ObjectStore;
}

export interface ImageStoreOptions {
  /** What keys of images begin with, those of what was uploaded, and those of what was written since. */
  readonly prefix: string;
  readonly contents: string;
  readonly volumes: string;
  /** And the notes of those that are being made. */
  readonly making: string;
  /** Whose the images are that are made. One that is replaced stays whose it was. */
  readonly owner?: string | undefined;
  readonly uniqueName: () => string;
  readonly nowMs: () => number;
  /** Told of each read that is asked again. */
  readonly retried?: () => void;
}

export function imageStore(
  bucket: R2Bucket,
  { prefix, contents, volumes, making, owner, uniqueName, nowMs, retried }: ImageStoreOptions,
): ImageStore {
  /** What stands under the name, notes too. */
  const found = (name: string): Promise<FoundObject | null> => named(bucket.head(prefix + name));

  /** Whether the image of this name is what is under the key `content`. */
  const isShown = async (name: string, content: string | undefined): Promise<boolean> => {
    const object = await found(name);
    return object !== null && content !== undefined && contentOf(object) === content;
  };

  /** To put only over what was found. */
  const over = (object: FoundObject | null): R2Conditional =>
    object === null ? { etagDoesNotMatch: '*' } : { etagMatches: object.etag };

  /** What nobody finds any more. `kept`: what is the image now, which a repeated write may find there already. */
  const dropContent = async (object: FoundObject | null, kept?: string): Promise<void> => {
    const content = object === null ? undefined : contentOf(object);
    if (object === null || content === undefined || content === kept) return;
    if (!isBlank(object)) await named(bucket.delete(contents + content));
    if (isVolume(object)) await dropVolume(content);
  };

  const dropVolume = async (content: string): Promise<void> => {
    const objects = objectsOf(prefix + imageNameOf(content), content);
    for (const part of ['roots/', 'pages/', 'chunks/']) await deleteAll(objects, part);
  };

  /** The objects of a volume; its head is the note, which is under the image's name once it is one. */
  const objectsOf = (note: string, content: string): ObjectStore =>
    volumeObjects(bucket, { note, content, prefix: `${volumes}${content}/` });

  /** What was uploaded, as a disk. */
  const baseOf = (object: FoundObject, content: string): BlockDevice =>
    isBlank(object)
      ? zeros(baseBytesOf(object))
      : rawDevice(immutableSource(bucket, contents + content, baseBytesOf(object), { retried }));

  /**
   * Puts a note on condition; answers what stood there, or undefined when the condition did not hold. `content`: what it names,
   * which no other note does. A write may come twice, when its answer is lost on the way: then the second finds what the first has
   * put, and is refused, and what is there is ours all the same.
   */
  async function note(
    name: string,
    condition: Condition,
    text: string,
    metadata: (before: StoredImage | undefined) => Readonly<Record<string, string>>,
    content?: string,
  ): Promise<{ readonly before: FoundObject | null; readonly now: FoundObject } | undefined> {
    let last: FoundObject | null = null;
    for (;;) {
      const before = await found(name);
      if (before !== null && content !== undefined && contentOf(before) === content)
        return { before: last, now: before };
      const image = imageIn(name, before);
      if (!isMet(image, condition)) return undefined;
      const options = { onlyIf: over(before), customMetadata: metadata(image) };
      const now = await named(bucket.put(prefix + name, text, options)).catch(async (cause: unknown) => {
        if (await isShown(name, content)) return null;
        throw cause;
      });
      // Whoever was first may have left what the condition asks for: look again.
      if (now !== null) return { before, now };
      last = before;
    }
  }

  /** What was put under `contents` is the image on condition, or is deleted again. */
  async function appear(name: string, content: Content, condition: Condition): Promise<StoredImage | undefined> {
    const metadata = (image: StoredImage | undefined) => noteMetadata(content, image ? image.owner : owner);
    const noted = await note(name, condition, content.key, metadata, content.key);
    if (noted === undefined) {
      await named(bucket.delete(contents + content.key));
      return undefined;
    }
    await dropContent(noted.before, content.key);
    return imageIn(name, noted.now);
  }

  /** Those whose maker has vanished. */
  async function sweep(): Promise<void> {
    const { objects } = await named(bucket.list({ prefix: making, limit: MOST_SWEPT }));
    const before = nowMs() - MAKING_LIFE_MS;
    for (const { key, uploaded } of objects) {
      if (uploaded.getTime() > before) continue;
      await forget(key.slice(making.length));
    }
  }

  /** What was being made, unless it is the image of its name: whoever made that one may have ended before he said so. */
  async function forget(content: string): Promise<void> {
    const shown = await isShown(imageNameOf(content), content);
    await named(bucket.delete(making + content));
    if (!shown) await dropVolume(content);
  }

  const imageUpload = (name: string, key: string, parts: PartsUpload<R2Object>): ImageUpload => ({
    id: `${key}.${parts.id}`,
    put: parts.put,
    putStream: parts.putStream,
    abort: parts.abort,
    async complete(list, condition) {
      if (!isMet(imageIn(name, await found(name)), condition)) return undefined;
      const { size } = await parts.complete(list).catch(async (cause: unknown) => {
        // Whoever heard nothing of the first time asks once more: then there is no upload, and what it became.
        const joined = isUnknown(cause) ? await named(bucket.head(`${contents}${name}/${key}`)) : null;
        if (joined === null) throw cause;
        return joined;
      });
      return appear(name, { key: `${name}/${key}`, sizeBytes: size }, condition);
    },
  });

  return {
    head: async (name) => imageIn(name, await found(name)),
    async list({ prefix: begin, limit, after }) {
      const images: StoredImage[] = [];
      for (let startAfter = after && prefix + after; ; ) {
        const { objects, truncated } = await named(
          bucket.list({
            prefix: prefix + begin,
            limit: limit - images.length,
            include: ['customMetadata'],
            ...(startAfter && { startAfter }),
          }),
        );
        for (const object of objects) {
          const image = imageIn(object.key.slice(prefix.length), object);
          if (image) images.push(image);
        }
        if (!truncated || images.length >= limit) return { images, more: truncated };
        startAfter = objects.at(-1)?.key ?? startAfter;
      }
    },
    async put(name, body, lengthBytes, condition) {
      if (!isMet(imageIn(name, await found(name)), condition)) return undefined;
      const key = `${name}/${uniqueName()}`;
      const { size, checksums } = await sized(body, lengthBytes, (readable) =>
        bucket.put(contents + key, readable, {}),
      );
      return appear(name, { key, sizeBytes: size, md5: checksums.toJSON().md5 }, condition);
    },
    async delete(name, condition) {
      const isConditional = condition.ifMatch !== undefined || condition.ifNoneMatch !== undefined;
      if (!isConditional) {
        const before = await found(name);
        if (imageIn(name, before) === undefined) return false;
        await named(bucket.delete(prefix + name)).catch(async (cause: unknown) => {
          if ((await found(name)) !== null) throw cause; // else it is gone, and the answer was lost
        });
        await dropContent(before);
        return true;
      }
      const noted = await note(name, condition, uniqueName(), () => deletedMetadata);
      if (noted === undefined) return false;
      await dropContent(noted.before);
      return noted.before !== null && !isDeleted(noted.before);
    },
    async createUpload(name) {
      const key = uniqueName();
      return imageUpload(
        name,
        key,
        partsUpload(await named(bucket.createMultipartUpload(`${contents}${name}/${key}`))),
      );
    },
    resumeUpload(name, id) {
      const dot = id.indexOf('.');
      const [key, upload] = [id.slice(0, Math.max(dot, 0)), id.slice(dot + 1)];
      return imageUpload(name, key, partsUpload(bucket.resumeMultipartUpload(`${contents}${name}/${key}`, upload)));
    },
    async source(name, version) {
      const object = await found(name);
      const image = imageIn(name, object);
      if (object === null || image === undefined) throw new ImageNotFoundError(name);
      const content = contentOf(object);
      if (content === undefined) {
        if (version !== undefined && version !== UPLOADED) throw new VersionGoneError(version);
        return { ...(await r2Source(bucket, prefix + name, { retried })), owner: image.owner };
      }
      const { etag, sizeBytes, owner } = image;
      if (!isVolume(object) && !isBlank(object) && (version === undefined || version === UPLOADED)) {
        return { ...immutableSource(bucket, contents + content, sizeBytes, { retried }), etag, owner };
      }
      const objects = objectsOf(prefix + name, content);
      const wanted = await findVersion(objects, content, version);
      const shown = versionDevice(objects, wanted, baseOf(object, content));
      const source = deviceSource(shown, bytesOf(shown));
      return { ...source, read: async (offset, into) => source.read(offset, into), etag: version ?? etag, owner };
    },
    async volume(name) {
      const object = await found(name);
      const image = imageIn(name, object);
      const content = object === null ? undefined : contentOf(object);
      if (object === null || image === undefined) throw new ImageNotFoundError(name);
      if (content === undefined) throw new HostError('read-only-device', BY_HAND);
      return {
        image,
        base: baseOf(object, content),
        baseId: content,
        objects: objectsOf(prefix + name, content),
      };
    },
    async create(name, sizeBytes) {
      await sweep();
      const key = `${name}/${uniqueName()}`;
      const made = making + key;
      await named(bucket.put(made, key, { customMetadata: noteMetadata({ key, sizeBytes, isBlank: true }, owner) }));
      const discard = () => forget(key);
      return {
        base: zeros(sizeBytes),
        baseId: key,
        objects: objectsOf(made, key),
        discard,
        async keep(condition) {
          const object = await named(bucket.get(made));
          if (object === null) throw new HostError('storage-failed', `${made} is gone`);
          const metadata = (image: StoredImage | undefined) => ownedBy(object, image ? image.owner : owner);
          const noted = await note(name, condition, await object.text(), metadata, key);
          if (noted === undefined) {
            await discard();
            return undefined;
          }
          await named(bucket.delete(made));
          await dropContent(noted.before, key);
          return imageIn(name, noted.now);
        },
      };
    },
  };
}

/** Its bytes stand where the note would. */
const BY_HAND = 'the image was put into the bucket by hand: put it once more through this service to write to it';

/** An image that is being made for so long is one that nobody makes any more. */
const MAKING_LIFE_MS = 2 * WRITER_LIFE_MS;
/** Looked at each time another is made. */
const MOST_SWEPT = 20;

const isUnknown = (cause: unknown): boolean => cause instanceof HostError && cause.kind === 'upload-not-found';

const imageNameOf = (content: string): string => content.slice(0, content.indexOf('/'));

/** What lives as long as one request: under names that nobody else has, so that nothing has to be conditional. */
export interface SpoolStore extends Pick<ImageStore, 'put' | 'createUpload'> {
  source(name: string): Promise<R2Source>;
  delete(name: string): Promise<void>;
}

export const spoolStore = (bucket: R2Bucket, prefix: string): SpoolStore => ({
  async put(name, body, lengthBytes) {
    const object = await sized(body, lengthBytes, (readable) => bucket.put(prefix + name, readable));
    return imageIn(name, object) ?? undefined;
  },
  async createUpload(name) {
    const upload = partsUpload(await named(bucket.createMultipartUpload(prefix + name)));
    return { ...upload, complete: async (parts) => imageIn(name, await upload.complete(parts)) };
  },
  source: (name) => r2Source(bucket, prefix + name),
  delete: (name) => named(bucket.delete(prefix + name)),
});
