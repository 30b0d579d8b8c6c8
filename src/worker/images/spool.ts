/** A body as a block device: in memory while it is small, else as an object that lives as long as the job. */

import type { BlockDevice } from '../../storage/block-device.ts';
import { memorySource } from '../../storage/byte-source.ts';
import { openDisk } from '../../storage/open-disk.ts';
import type { Hold } from '../bodies/budget.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { saveStream } from '../storage/save-stream.ts';
import type { KeepAlive } from './images.ts';
import { type Body, type IncomingLimits, openBody } from './incoming.ts';

export interface Spooled {
  readonly device: BlockDevice;
  /** Never rejects; what it leaves is garbage, not harm. */
  discard(): Promise<void>;
}

export interface SpoolNeeds {
  readonly spooled: ImageStore;
  readonly limits: IncomingLimits;
  readonly keepAlive: KeepAlive;
  readonly uniqueName: () => string;
  /** Counts what is held here of bodies. */
  readonly memory: Hold;
}

/** Images up to this stay in memory. */
export const MEMORY_BYTES = 16 * 2 ** 20;

/** Of an image in R2. */
const CACHE_MIB = 16;

export async function spool(
  body: Body,
  { spooled, limits, memory, keepAlive, uniqueName }: SpoolNeeds,
): Promise<Spooled> {
  const { bytes, lengthBytes } = await openBody(body, limits);
  const source = bytes[Symbol.asyncIterator]();
  const small = await collect(source, MEMORY_BYTES, memory);
  if (small.ended) return { ...(await openDisk(memorySource(small.bytes))), discard: async () => {} };

  const name = uniqueName();
  const saved = saveStream(spooled, name, chain(small.bytes, source), lengthBytes);
  const discard = async () => {
    const deleted = spooled.delete(name).catch(() => {});
    keepAlive(deleted);
    await deleted;
  };
  keepAlive(saved.catch(discard));
  await saved;
  try {
    return { ...(await openDisk(await spooled.source(name), { cacheMib: CACHE_MIB })), discard };
  } catch (cause) {
    await discard();
    throw cause;
  }
}

/** The first bytes of `source`: more than `maxBytes` of them, or as many as there is room for, unless it ended. */
async function collect(
  source: AsyncIterator<Uint8Array>,
  maxBytes: number,
  memory: Hold,
): Promise<{ readonly bytes: Uint8Array; readonly ended: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  let room = true;
  while (length <= maxBytes && !ended && room) {
    const { value, done } = await source.next();
    ended = done === true;
    if (!ended) chunks.push(value);
    length += value?.length ?? 0;
    room = memory.tryTake(value?.length ?? 0);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return { bytes, ended };
}

async function* chain(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}
