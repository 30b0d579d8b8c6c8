/** Stores a stream of any length as one object: in one write where its length allows, else in equal parts. */

import { HostError } from '../../errors/host-error.ts';
import type { Hold } from '../bodies/budget.ts';
import { type Condition, isMet, type StoredImage } from './image-entry.ts';
import type { ImageStore } from './image-store.ts';
import { MAX_PARTS, MAX_PUT_BYTES } from './r2-objects.ts';

/** Two are in memory at a time: one fills while the other is sent. */
const PART_BYTES = 8 * 2 ** 20;

/** What 10,000 of them hold: 78 GiB. Parts of a stream must be buffered, as the last one's length is not known before. */
const MAX_STREAM_BYTES = PART_BYTES * MAX_PARTS;

/**
 * All or nothing: a stream that fails leaves no object and no upload. Undefined: the condition did not hold as the object
 * was to appear.
 */
export async function saveStream(
  store: Pick<ImageStore, 'put' | 'createUpload'> & Partial<Pick<ImageStore, 'head'>>,
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  lengthBytes: number | undefined,
  memory: Hold,
  condition: Condition = {},
): Promise<StoredImage | undefined> {
  if (lengthBytes !== undefined && lengthBytes <= MAX_PUT_BYTES) return store.put(name, bytes, lengthBytes, condition);
  if (lengthBytes !== undefined && lengthBytes > MAX_STREAM_BYTES) throw tooLarge();
  if (store.head && !isMet(await store.head(name), condition)) return undefined;
  const parts = inParts(bytes, memory);
  const first = await parts.next();
  if (first.done || first.value.length < PART_BYTES) {
    const only = first.value ?? new Uint8Array(0);
    return store.put(name, once(only), only.length, condition).finally(() => memory.give(PART_BYTES));
  }
  const upload = await store.createUpload(name);
  try {
    const sent = [];
    for (let next: IteratorResult<Uint8Array, void> = first; !next.done; next = await parts.next()) {
      await sent.at(-1);
      if (sent.length === MAX_PARTS) throw tooLarge();
      const sending = upload.put(sent.length + 1, next.value).finally(() => memory.give(PART_BYTES));
      sending.catch(() => {}); // awaited above and below
      sent.push(sending);
    }
    const stored = await upload.complete(await Promise.all(sent), condition);
    if (stored === undefined) await upload.abort().catch(() => {}); // it may have been completed and dropped
    return stored;
  } catch (cause) {
    await upload.abort();
    throw cause;
  }
}

/** Pieces of PART_BYTES each, but the last. Each is counted as `memory`: whoever takes it gives that back. */
async function* inParts(bytes: AsyncIterable<Uint8Array>, memory: Hold): AsyncGenerator<Uint8Array, void> {
  await memory.take(PART_BYTES);
  let part = new Uint8Array(PART_BYTES);
  let filled = 0;
  for await (const chunk of bytes) {
    for (let from = 0; from < chunk.length; ) {
      const piece = chunk.subarray(from, from + PART_BYTES - filled);
      part.set(piece, filled);
      from += piece.length;
      filled += piece.length;
      if (filled === PART_BYTES) {
        yield part;
        await memory.take(PART_BYTES);
        part = new Uint8Array(PART_BYTES);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
  else memory.give(PART_BYTES);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const tooLarge = (): HostError =>
  new HostError('too-large', `more than ${MAX_STREAM_BYTES} bytes in one request: upload the image in parts`, {
    members: { max_bytes: MAX_STREAM_BYTES },
  });
