/** Objects of a bucket as everybody here writes them: in one go of known length, or in parts. What R2 calls an error gets our names here. */

import { HostError } from '../../errors/host-error.ts';

export interface StoredPart {
  readonly part: number;
  readonly etag: string;
}

/** An object on its way in, in parts numbered from 1, all equally long but the last. */
export interface PartsUpload<Stored> {
  readonly id: string;
  put(part: number, body: Uint8Array): Promise<StoredPart>;
  /** The same of a stream of exactly so many bytes; one that fails leaves the part as it was. */
  putStream(part: number, bytes: AsyncIterable<Uint8Array>, lengthBytes: number): Promise<StoredPart>;
  complete(parts: readonly StoredPart[]): Promise<Stored>;
  abort(): Promise<void>;
}

/** R2's limits: https://developers.cloudflare.com/r2/platform/limits/ */
export const MIN_PART_BYTES = 5 * 2 ** 20;
export const MAX_PARTS = 10_000;
/** 4.995 GiB and 4.995 TiB, down to whole MiB. */
export const MAX_PUT_BYTES = 5114 * 2 ** 20;
export const MAX_OBJECT_BYTES = 5_237_637 * 2 ** 20;

export const partsUpload = (upload: R2MultipartUpload): PartsUpload<R2Object> => ({
  id: upload.uploadId,
  async put(part, body) {
    const { partNumber, etag } = await named(upload.uploadPart(part, body));
    return { part: partNumber, etag };
  },
  async putStream(part, bytes, lengthBytes) {
    const { partNumber, etag } = await sized(bytes, lengthBytes, (readable) => upload.uploadPart(part, readable));
    return { part: partNumber, etag };
  },
  complete: (parts) => named(upload.complete(parts.map(({ part, etag }) => ({ partNumber: part, etag })))),
  abort: () => named(upload.abort()),
});

/** `send` takes the bytes as R2 wants them: a stream of known length. Rejects with what the bytes failed of, if they did. */
export async function sized<T>(
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
export async function named<T>(task: Promise<T>): Promise<T> {
  try {
    return await task;
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof HostError) throw cause;
    const code = /\((\d+)\)$/.exec(cause.message)?.[1];
    // Whatever else R2 says is no fault of who asked, and may well go the next time.
    throw r2Errors[Number(code)]?.(cause) ?? new HostError('storage-failed', undefined, { cause });
  }
}
