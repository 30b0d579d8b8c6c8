/**
 * Blocks that replaying a journal changes and that memory is too dear for, in objects of the bucket that live as long as the
 * job. An object is written whole: blocks are gathered in chunks of 1 MiB, of which a few are in memory.
 */

import type { MaybePromise } from '../../storage/block-device.ts';
import { ReadFailedError } from '../../storage/errors.ts';
import { gate } from '../../storage/gate.ts';
import type { Spill } from '../../storage/layers/changes.ts';

const BLOCK_BYTES = 4096;
const CHUNK_BLOCKS = 256;
const SPILL_CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;
/** What a replay writes it writes in order, or again soon. */
const CHUNKS_IN_MEMORY = 2;
/** Names that one call of R2 deletes. */
const DELETED_AT_ONCE = 1000;

/** What is used of a bucket. */
export interface SpillBucket {
  put(key: string, bytes: Uint8Array): Promise<unknown>;
  get(key: string): Promise<{ arrayBuffer(): Promise<ArrayBuffer> } | null>;
  delete(keys: string[]): Promise<void>;
}

export interface SpillPlace {
  readonly bucket: SpillBucket;
  /** Of the keys; nobody else has it. */
  readonly prefix: string;
  /** Outlives the request. */
  readonly keepAlive: (work: Promise<unknown>) => void;
}

interface Chunk {
  readonly bytes: Uint8Array;
  dirty: boolean;
}

/** What a host that ends leaves behind is under `prefix`: a lifecycle rule of the bucket deletes it. */
export function bucketSpill({ bucket, prefix, keepAlive }: SpillPlace): Spill {
  const inTurn = gate(1);
  /** The one that was used last comes last. */
  const chunks = new Map<number, Chunk>();
  const stored = new Set<number>();
  const keyOf = (number: number) => `${prefix}${number}`;

  async function chunkOf(number: number): Promise<Chunk> {
    const known = chunks.get(number);
    chunks.delete(number);
    const chunk = known ?? { bytes: await load(number), dirty: false };
    chunks.set(number, chunk);
    for (const [oldest, { bytes, dirty }] of chunks) {
      if (chunks.size <= CHUNKS_IN_MEMORY) break;
      if (dirty) {
        // It may be there although the answer was lost.
        stored.add(oldest);
        await bucket.put(keyOf(oldest), bytes);
      }
      chunks.delete(oldest);
    }
    return chunk;
  }

  async function load(number: number): Promise<Uint8Array> {
    if (!stored.has(number)) return new Uint8Array(SPILL_CHUNK_BYTES);
    const object = await bucket.get(keyOf(number));
    const bytes = object && new Uint8Array(await object.arrayBuffer());
    if (bytes?.length !== SPILL_CHUNK_BYTES) throw new ReadFailedError('a part of what a journal changed is gone');
    return bytes;
  }

  async function discard(): Promise<void> {
    chunks.clear();
    const keys = [...stored].map(keyOf);
    stored.clear();
    for (let at = 0; at < keys.length; at += DELETED_AT_ONCE) await bucket.delete(keys.slice(at, at + DELETED_AT_ONCE));
  }

  const place = (slot: number) => ({
    number: Math.floor(slot / CHUNK_BLOCKS),
    at: (slot % CHUNK_BLOCKS) * BLOCK_BYTES,
  });

  return {
    write: (slot, block) =>
      inTurn(async () => {
        const { number, at } = place(slot);
        const chunk = await chunkOf(number);
        chunk.bytes.set(block, at);
        chunk.dirty = true;
      }),
    read: (slot, into) =>
      inTurn(async () => {
        const { number, at } = place(slot);
        into.set((await chunkOf(number)).bytes.subarray(at, at + BLOCK_BYTES));
      }),
    close(): MaybePromise<void> {
      // Nobody waits for it; what cannot be deleted now is garbage, not harm.
      keepAlive(inTurn(discard).catch(() => {}));
    },
  };
}
