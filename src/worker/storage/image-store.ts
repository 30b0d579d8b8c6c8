/** Images as objects of an R2 bucket: whole, in parts, listed, deleted. What R2 calls an error gets our names here. */

import { HostError } from '../../errors/host-error.ts';
import { type R2Source, r2Source } from './r2-source.ts';

export interface StoredImage {
  readonly name: string;
  readonly sizeBytes: number;
  /** Names this version; without quotes. */
  readonly etag: string;
  /** Of the whole image, in hex; R2 has none for an image that came in parts. */
  readonly md5: string | undefined;
  readonly uploaded: Date;
}

/** The state an image must be in to be replaced. Absent: any. */
export interface Condition {
  /** This version, or `*`: any version, but there must be one. */
  readonly ifMatch?: string | undefined;
  /** There must be none. */
  readonly ifNoneMatch?: '*' | undefined;
}

export interface StoredPart {
  readonly part: number;
  readonly etag: string;
}

/** An image on its way in, in parts numbered from 1, all equally long but the last. */
export interface ImageUpload {
  readonly id: string;
  put(part: number, body: Uint8Array): Promise<StoredPart>;
  /** The same of a stream of exactly so many bytes; one that fails leaves the part as it was. */
  putStream(part: number, bytes: AsyncIterable<Uint8Array>, lengthBytes: number): Promise<StoredPart>;
  complete(parts: readonly StoredPart[]): Promise<StoredImage>;
  abort(): Promise<void>;
}

/** R2's limits: https://developers.cloudflare.com/r2/platform/limits/ */
export const MIN_PART_BYTES = 5 * 2 ** 20;
export const MAX_PARTS = 10_000;
/** 4.995 GiB and 4.995 TiB, down to whole MiB. */
export const MAX_PUT_BYTES = 5114 * 2 ** 20;
export const MAX_OBJECT_BYTES = 5_237_637 * 2 ** 20;

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
  delete(name: string): Promise<void>;
  createUpload(name: string): Promise<ImageUpload>;
  /** Does not look whether there is one: its first use does. */
  resumeUpload(name: string, id: string): ImageUpload;
  /** Read by range, pinned to the version of now. */
  source(name: string): Promise<R2Source>;
}

/** Images under the keys that begin with `prefix`. */
export function imageStore(bucket: R2Bucket, prefix: string): ImageStore {
  const storedImage = (object: R2Object): StoredImage => ({
    name: object.key.slice(prefix.length),
    sizeBytes: object.size,
    etag: object.etag,
    md5: object.checksums.toJSON().md5,
    uploaded: object.uploaded,
  });

  const imageUpload = (upload: R2MultipartUpload): ImageUpload => ({
    id: upload.uploadId,
    async put(part, body) {
      const { partNumber, etag } = await named(upload.uploadPart(part, body));
      return { part: partNumber, etag };
    },
    async putStream(part, bytes, lengthBytes) {
      const { partNumber, etag } = await sized(bytes, lengthBytes, (readable) => upload.uploadPart(part, readable));
      return { part: partNumber, etag };
    },
    async complete(parts) {
      return storedImage(await named(upload.complete(parts.map(({ part, etag }) => ({ partNumber: part, etag })))));
    },
    abort: () => named(upload.abort()),
  });

  return {
    async head(name) {
      const object = await named(bucket.head(prefix + name));
      return object === null ? undefined : storedImage(object);
    },
    async list(page) {
      const { after, limit } = page;
      const options = { prefix: prefix + page.prefix, limit, ...(after && { startAfter: prefix + after }) };
      const { objects, truncated } = await named(bucket.list(options));
      return { images: objects.map(storedImage), more: truncated };
    },
    async put(name, body, lengthBytes, { ifMatch, ifNoneMatch }) {
      const onlyIf = {
        ...(ifMatch === undefined ? {} : { etagMatches: ifMatch }),
        ...(ifNoneMatch === undefined ? {} : { etagDoesNotMatch: ifNoneMatch }),
      };
      const object = await sized(body, lengthBytes, (readable) => bucket.put(prefix + name, readable, { onlyIf }));
      return object === null ? undefined : storedImage(object);
    },
    delete: (name) => named(bucket.delete(prefix + name)),
    createUpload: async (name) => imageUpload(await named(bucket.createMultipartUpload(prefix + name))),
    resumeUpload: (name, id) => imageUpload(bucket.resumeMultipartUpload(prefix + name, id)),
    source: (name) => r2Source(bucket, prefix + name),
  };
}

/** `send` takes the bytes as R2 wants them: a stream of known length. Rejects with what the bytes failed of, if they did. */
async function sized<T>(
  bytes: AsyncIterable<Uint8Array>,
  lengthBytes: number,
  send: (readable: ReadableStream<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { readable, writable } = new FixedLengthStream(lengthBytes);
  let failure: { readonly cause: unknown } | undefined;
  copy(bytes, writable).catch((cause: unknown) => {
    failure = { cause };
  });
  try {
    return await named(send(readable));
  } catch (cause) {
    // On its way through the stream an error loses its class.
    throw failure ? failure.cause : cause;
  }
}

async function copy(body: AsyncIterable<Uint8Array>, into: WritableStream<Uint8Array>): Promise<void> {
  const writer = into.getWriter();
  try {
    for await (const chunk of body) await writer.write(chunk);
    await writer.close();
  } catch (cause) {
    await writer.abort(cause);
    throw cause;
  }
}

/** https://developers.cloudflare.com/r2/api/error-codes/ */
const r2Errors: Record<number, (cause: Error) => HostError> = {
  10011: (cause) => new HostError('bad-parts', 'every part but the last needs at least 5 MiB', { cause }),
  10024: (cause) => new HostError('upload-not-found', undefined, { cause }),
  10025: (cause) => new HostError('bad-parts', 'a part was not uploaded, or its etag is another', { cause }),
  10048: (cause) => new HostError('bad-parts', 'every part but the last must be equally long', { cause }),
  10058: (cause) => new HostError('too-many-writes', undefined, { cause }),
};

/** The Workers binding puts R2's code at the end of the message, in parentheses. */
async function named<T>(task: Promise<T>): Promise<T> {
  try {
    return await task;
  } catch (cause) {
    const code = cause instanceof Error ? /\((\d+)\)$/.exec(cause.message)?.[1] : undefined;
    throw cause instanceof Error ? (r2Errors[Number(code)]?.(cause) ?? cause) : cause;
  }
}
