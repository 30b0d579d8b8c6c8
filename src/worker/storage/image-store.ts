/** Images as objects of an R2 bucket: whole, in parts, listed, deleted; each change on condition is one conditional write. */

import { HostError } from '../../errors/host-error.ts';
import type { ByteSource } from '../../storage/byte-source.ts';
import { deviceSource } from '../../storage/device-source.ts';
import { ImageNotFoundError } from '../../storage/errors.ts';
import { rawDevice } from '../../storage/raw-device.ts';
import { deleteAll } from '../../storage/volume/collect.ts';
import type { ObjectStore } from '../../storage/volume/object-store.ts';
import { UPLOADED, VersionGoneError } from '../../storage/volume/versions.ts';
import { findVersion, versionDevice } from '../../storage/volume/volume.ts';
import {
  type Condition,
  contentOf,
  deletedMetadata,
  type FoundObject,
  imageIn,
  isDeleted,
  isMet,
  isVolume,
  noteMetadata,
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
}

/** An image as a volume: what was uploaded, and the versions written since. */
export interface ImageVolume {
  readonly image: StoredImage;
  /** What was uploaded, and its name: it is never replaced. */
  readonly base: ByteSource;
  readonly baseId: string;
  readonly objects: ObjectStore;
}

export interface ImageStoreOptions {
  /** What keys of images begin with, those of what was uploaded, and those of what was written since. */
  readonly prefix: string;
  readonly contents: string;
  readonly volumes: string;
  /** Whose the images are that are made. One that is replaced stays whose it was. */
  readonly owner?: string | undefined;
  readonly uniqueName: () => string;
  /** Told of each read that is asked again. */
  readonly retried?: () => void;
}

export function imageStore(
  bucket: R2Bucket,
  { prefix, contents, volumes, owner, uniqueName, retried }: ImageStoreOptions,
): ImageStore {
  /** What stands under the name, notes too. */
  const found = (name: string): Promise<FoundObject | null> => named(bucket.head(prefix + name));

  /** To put only over what was found. */
  const over = (object: FoundObject | null): R2Conditional =>
    object === null ? { etagDoesNotMatch: '*' } : { etagMatches: object.etag };

  /** What nobody finds any more. */
  const dropContent = async (object: FoundObject | null): Promise<void> => {
    const content = object === null ? undefined : contentOf(object);
    if (object === null || content === undefined) return;
    await named(bucket.delete(contents + content));
    if (!isVolume(object)) return;
    const objects = objectsOf(imageNameOf(content), content);
    for (const part of ['roots/', 'pages/', 'chunks/']) await deleteAll(objects, part);
  };

  /** The objects of a volume; its head is the note under the image's name. */
  const objectsOf = (name: string, content: string): ObjectStore =>
    volumeObjects(bucket, { note: prefix + name, content, prefix: `${volumes}${content}/` });

  /** Puts a note on condition; answers what stood there, or undefined when the condition did not hold. */
  async function note(
    name: string,
    condition: Condition,
    text: string,
    metadata: (before: StoredImage | undefined) => Readonly<Record<string, string>>,
  ): Promise<{ readonly before: FoundObject | null; readonly now: R2Object } | undefined> {
    for (;;) {
      const before = await found(name);
      const image = imageIn(name, before);
      if (!isMet(image, condition)) return undefined;
      const options = { onlyIf: over(before), customMetadata: metadata(image) };
      const now = await named(bucket.put(prefix + name, text, options));
      // Whoever was first may have left what the condition asks for: look again.
      if (now !== null) return { before, now };
    }
  }

  /** What was put under `contents` is the image on condition, or is deleted again. */
  async function appear(
    name: string,
    content: { readonly key: string; readonly sizeBytes: number; readonly md5?: string | undefined },
    condition: Condition,
  ): Promise<StoredImage | undefined> {
    const noted = await note(name, condition, content.key, (image) =>
      noteMetadata(content, image ? image.owner : owner),
    );
    if (noted === undefined) {
      await named(bucket.delete(contents + content.key));
      return undefined;
    }
    await dropContent(noted.before);
    return imageIn(name, noted.now);
  }

  const imageUpload = (name: string, key: string, parts: PartsUpload<R2Object>): ImageUpload => ({
    id: `${key}.${parts.id}`,
    put: parts.put,
    putStream: parts.putStream,
    abort: parts.abort,
    async complete(list, condition) {
      if (!isMet(imageIn(name, await found(name)), condition)) return undefined;
      const { size } = await parts.complete(list);
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
        await named(bucket.delete(prefix + name));
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
      const base = immutableSource(bucket, contents + content, sizeBytes, { retried });
      if (!isVolume(object) && (version === undefined || version === UPLOADED)) return { ...base, etag, owner };
      const objects = objectsOf(name, content);
      const wanted = await findVersion(objects, content, version);
      const shown = versionDevice(objects, wanted, rawDevice(base));
      return {
        ...deviceSource(shown, sizeBytes),
        read: async (offset, into) => deviceSource(shown, sizeBytes).read(offset, into),
        etag: version ?? etag,
        owner,
      };
    },
    async volume(name) {
      const object = await found(name);
      const image = imageIn(name, object);
      const content = object === null ? undefined : contentOf(object);
      if (image === undefined) throw new ImageNotFoundError(name);
      if (content === undefined) throw new HostError('read-only-device', BY_HAND);
      return {
        image,
        base: immutableSource(bucket, contents + content, image.sizeBytes, { retried }),
        baseId: content,
        objects: objectsOf(name, content),
      };
    },
  };
}

/** Its bytes stand where the note would. */
const BY_HAND = 'the image was put into the bucket by hand: put it once more through this service to write to it';

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
