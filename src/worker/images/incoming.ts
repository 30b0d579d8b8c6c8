/** An image on its way in: decompressed where it is compressed, and kept within limits. */

import {
  type Bytes,
  type Compression,
  type Decoders,
  DecompressError,
  decompress,
  detectCompression,
  MAGIC_BYTES,
} from '../../archive/decompress.ts';
import { HostError } from '../../errors/host-error.ts';
import { checked, type ExpectedDigest } from '../bodies/digest.ts';
import { broken } from '../bodies/json.ts';
import { noteRead } from '../bodies/read-bytes.ts';
import { StallWatch } from '../bodies/stall.ts';

/** A body as the client sends it. */
export interface Body {
  readonly stream: ReadableStream<Uint8Array> | null;
  /** Undefined when the client did not say. */
  readonly lengthBytes: number | undefined;
  /** 'auto' goes by the first bytes. */
  readonly compression: Compression | 'auto' | 'none';
  /** What the client says of the bytes it sends. */
  readonly digests?: readonly ExpectedDigest[];
}

/** The image in it. */
export interface Incoming {
  readonly bytes: Bytes;
  /** Exact when known; what is compressed says nothing reliable about it. */
  readonly lengthBytes: number | undefined;
  /** What the client has sent so far. */
  receivedBytes(): number;
}

export interface IncomingLimits {
  readonly maxImageBytes: number;
  readonly decoders: Decoders;
}

/** DEFLATE cannot grow more than 1032 times; what grows more than this, past the first GiB, is taken for a bomb. */
const MAX_GROWTH = 1100;
const FREE_GROWTH_BYTES = 2 ** 30;

const CHUNK_BYTES = 64 * 1024;

/** Rejects before anything is stored when the body is empty or says that it is too large. */
export async function openBody(body: Body, { maxImageBytes, decoders }: IncomingLimits): Promise<Incoming> {
  const { stream, lengthBytes, compression, digests = [] } = body;
  if (stream === null || lengthBytes === 0) throw new HostError('empty-body');
  if (lengthBytes !== undefined && lengthBytes > maxImageBytes) throw tooLarge(maxImageBytes);

  const reader = stream.getReader({ mode: 'byob' });
  const watch = new StallWatch();
  // A client has to send a chunk within the time of the watch: a few kB a second.
  const read = async (bytes: number) => {
    const chunk = await watch.wait(reader.readAtLeast(bytes, new Uint8Array(CHUNK_BYTES))).catch((cause: unknown) => {
      watch.end();
      return broken(cause);
    });
    noteRead(stream, chunk.value?.length ?? 0);
    return chunk;
  };
  const first = await read(MAGIC_BYTES);
  const head = first.value ?? new Uint8Array(0);
  if (head.length === 0) throw new HostError('empty-body');

  let receivedBytes = 0;
  async function* received(): Bytes {
    try {
      let chunk = first;
      for (;;) {
        receivedBytes += chunk.value?.length ?? 0;
        if (chunk.value && chunk.value.length > 0) yield chunk.value; // the last read may bring bytes or none
        if (chunk.done) return;
        chunk = await read(CHUNK_BYTES);
      }
    } finally {
      watch.end();
      // What is left of a body nobody wants can only be drained when it is not locked.
      reader.releaseLock();
    }
  }
  const bytes = digests.length > 0 ? checked(received(), digests) : received();
  const found = compression === 'auto' ? detectCompression(head) : compression;
  const incoming = { receivedBytes: () => receivedBytes };
  if (found === undefined || found === 'none')
    return { ...incoming, bytes: limited(bytes, () => maxImageBytes), lengthBytes };

  const mayGrowTo = () => Math.min(maxImageBytes, FREE_GROWTH_BYTES + MAX_GROWTH * receivedBytes);
  return { ...incoming, bytes: limited(decompressed(found, bytes, decoders), mayGrowTo), lengthBytes: undefined };
}

async function* limited(source: Bytes, maxBytes: () => number): Bytes {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes()) throw tooLarge(maxBytes());
    yield chunk;
  }
  if (bytes === 0) throw new HostError('empty-body');
}

/** Damage is `bad-compression`. */
export async function* decompressed(compression: Compression, source: Bytes, decoders: Decoders): Bytes {
  try {
    yield* decompress(compression, source, decoders);
  } catch (cause) {
    throw cause instanceof DecompressError ? new HostError('bad-compression', cause.message, { cause }) : cause;
  }
}

const tooLarge = (maxBytes: number): HostError =>
  new HostError('too-large', `the image is larger than ${maxBytes} bytes`, { members: { max_bytes: maxBytes } });
