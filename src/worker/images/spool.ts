/** A body as a block device: in memory while it is small, else as an object that lives as long as the job. */

import { HostError } from '../../errors/host-error.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import type { ByteSource } from '../../storage/byte-source.ts';
import { cached } from '../../storage/layers/cached.ts';
import { type DiskChoice, type OpenDiskOptions, openDisk } from '../../storage/open-disk.ts';
import { rawDevice } from '../../storage/raw-device.ts';
import type { Room } from '../../storage/room.ts';
import { asFarAsUndone, type Undone } from '../../storage/sources/as-far-as-undone.ts';
import { deviceSource } from '../../storage/sources/device-source.ts';
import type { Hold } from '../bodies/budget.ts';
import type { SpoolStore } from '../storage/image-store.ts';
import { saveStream } from '../storage/save-stream.ts';
import { BLOCK_BYTES, type Block, BlockMap, blockSource, blocksOf, unpackedSource } from './blocks.ts';
import { bounded as memoryLimits } from './disk-limits.ts';
import type { KeepAlive } from './images.ts';
import { type Body, decompressed, type IncomingLimits, openBody } from './incoming.ts';

export interface Spooled {
  readonly device: BlockDevice;
  /** Never rejects; what it leaves is garbage, not harm. */
  discard(): Promise<void>;
}

export interface SpoolNeeds {
  readonly spooled: SpoolStore;
  readonly limits: IncomingLimits;
  readonly keepAlive: KeepAlive;
  readonly uniqueName: () => string;
  /** Counts what is on its way to storage. */
  readonly memory: Hold;
  /** Counts what is kept in memory because there is room. */
  readonly room: Room;
}

/** Images with so much that is not zeros stay in memory. */
const MEMORY_BYTES = 16 * 2 ** 20;

/** Of an image in R2. */
const CACHE_MIB = 16;

/** What data may grow to when it is decompressed; zeros are not stored, and have a limit of their own. */
const FREE_GROWTH_BYTES = 64 * 2 ** 20;
const MAX_GROWTH = 256;

/** What a run of a packed body takes in memory. */
const RUN_BYTES = 64;

/** Bytes that can be read by range, for as long as they are not discarded. */
export interface SpooledBytes {
  readonly source: ByteSource;
  /** They are in the bucket: slow to ask. */
  readonly isStored: boolean;
  /** Never rejects; what it leaves is garbage, not harm. */
  discard(): Promise<void>;
}

export async function spool(body: Body, needs: SpoolNeeds, choice: DiskChoice = {}): Promise<Spooled> {
  const { room, limits } = needs;
  const { bytes, lengthBytes, receivedBytes } = await openBody(body, limits);
  const found: Undone = {};
  const spooled = await spoolBytes(
    asFarAsUndone('compressed image', bytes, found),
    { lengthBytes, receivedBytes },
    needs,
  );
  const inner = unpacking(needs);
  const discard = async () => {
    await Promise.all([spooled.discard(), inner.discard()]);
  };
  try {
    const opened = await openDisk(
      { ...spooled.source, ...found },
      {
        ...choiceOf(choice),
        ...(spooled.isStored && { cacheMib: CACHE_MIB, room }),
        ...memoryLimits,
        unpack: inner.unpack,
      },
    );
    return { ...opened, discard };
  } catch (cause) {
    await discard();
    throw cause;
  }
}

/** A body's bytes alone, undone where they are compressed: to be read several times. */
export async function spoolBody(body: Body, needs: SpoolNeeds): Promise<SpooledBytes> {
  const { bytes, lengthBytes, receivedBytes } = await openBody(body, needs.limits);
  return spoolBytes(bytes, { lengthBytes, receivedBytes }, needs);
}

interface Growth {
  /** What of it may stay in memory. Default: `MEMORY_BYTES`. */
  readonly memoryBytes?: number;
  /** Undefined of what grows while it is undone. */
  readonly lengthBytes: number | undefined;
  /** What it is undone from, so far. */
  receivedBytes(): number;
}

/** In memory while it is small and there is room, else as an object. */
async function spoolBytes(
  bytes: AsyncIterable<Uint8Array>,
  { lengthBytes, receivedBytes, memoryBytes = MEMORY_BYTES }: Growth,
  { memory, room, spooled, keepAlive, uniqueName }: Omit<SpoolNeeds, 'limits'>,
): Promise<SpooledBytes> {
  const mayGrowTo = () => FREE_GROWTH_BYTES + MAX_GROWTH * receivedBytes();
  const blocks = lengthBytes === undefined ? bounded(blocksOf(bytes), mayGrowTo) : blocksOf(bytes);
  const { held, ended } = await collect(blocks, room, memoryBytes);
  if (ended) return { source: blockSource(held), isStored: false, discard: async () => {} };

  const name = uniqueName();
  const map = new BlockMap();
  const rest = chain(held, blocks, room);
  // What has no length of its own goes in parts anyway: then zeros can be left out.
  const stream = lengthBytes === undefined ? packed(rest, map, memory) : filled(rest);
  const saved = saveStream(spooled, name, stream, lengthBytes, memory);
  const discard = async () => {
    const deleted = spooled.delete(name).catch(() => {});
    keepAlive(deleted);
    await deleted;
  };
  keepAlive(saved.catch(discard));
  await saved;
  try {
    const stored = await spooled.source(name);
    return { source: lengthBytes === undefined ? unpackedSource(stored, map) : stored, isStored: true, discard };
  } catch (cause) {
    await discard();
    throw cause;
  }
}

export interface Unpacking {
  /** For `openDisk`: what is compressed inside of a file, undone. */
  readonly unpack: NonNullable<OpenDiskOptions['unpack']>;
  /** Never rejects. */
  discard(): Promise<void>;
}

/** Layers of containers and parts of an initramfs, undone one after another and kept as bodies are, until they are discarded. */
export function unpacking(needs: SpoolNeeds): Unpacking {
  const undone: SpooledBytes[] = [];
  return {
    async unpack(source, compression) {
      let receivedBytes = 0;
      const pieces = async function* () {
        for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
          const piece = new Uint8Array(Math.min(PIECE_BYTES, source.sizeBytes - at));
          await source.read(at, piece);
          receivedBytes += piece.length;
          yield piece;
        }
      };
      const found: Undone = {};
      const bytes = asFarAsUndone(compression, decompressed(compression, pieces(), needs.limits.decoders), found);
      const growth = { lengthBytes: undefined, receivedBytes: () => receivedBytes, memoryBytes: INNER_MEMORY_BYTES };
      const inner = await spoolBytes(bytes, growth, needs);
      undone.push(inner);
      if (!inner.isStored) return { ...inner.source, ...found };
      const device = cached(rawDevice(inner.source), { maxMib: INNER_CACHE_MIB, room: needs.room });
      return { ...deviceSource(device, inner.source.sizeBytes), ...found };
    },
    async discard() {
      await Promise.all(undone.splice(0).map((one) => one.discard()));
    },
  };
}

const PIECE_BYTES = 256 * 1024;
/** Of each thing that was undone: there are caches and bodies beside it. */
const INNER_CACHE_MIB = 2;
const INNER_MEMORY_BYTES = 2 ** 20;

/** Of whatever a request says. */
const choiceOf = ({ format, member, snapshot }: DiskChoice): DiskChoice => ({ format, member, snapshot });

/** The first blocks: all of them, or as many as may stay in memory and one more. */
async function collect(
  blocks: AsyncIterator<Block>,
  room: Room,
  memoryBytes: number,
): Promise<{ readonly held: Block[]; readonly ended: boolean }> {
  const held: Block[] = [];
  let length = 0;
  for (;;) {
    const { value, done } = await blocks.next();
    if (done) return { held, ended: true };
    held.push(value);
    if (value.bytes === undefined) continue;
    length += value.length;
    // The last one is on its way out already: it is not counted.
    if (length > memoryBytes || !room.tryTake(BLOCK_BYTES)) return { held, ended: false };
  }
}

/** Gives the memory of what was held back as it goes on. */
async function* chain(held: Block[], rest: AsyncIterator<Block>, room: Room): AsyncGenerator<Block, void, void> {
  for (const [at, block] of held.entries()) {
    delete held[at];
    yield block;
    if (block.bytes && at < held.length - 1) room.give(BLOCK_BYTES);
  }
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** Throws when data grows as only a bomb's does. */
async function* bounded(blocks: AsyncIterable<Block>, maxBytes: () => number): AsyncGenerator<Block, void, void> {
  let bytes = 0;
  for await (const block of blocks) {
    if (block.bytes) bytes += block.length;
    if (bytes > maxBytes()) {
      throw new HostError('too-large', `it grows to ${bytes} bytes of data when it is decompressed, as a bomb would`, {
        members: { max_bytes: maxBytes() },
      });
    }
    yield block;
  }
}

const ZEROS = new Uint8Array(BLOCK_BYTES);

async function* filled(blocks: AsyncIterable<Block>): AsyncGenerator<Uint8Array, void, void> {
  for await (const { length, bytes = ZEROS.subarray(0, length) } of blocks) yield bytes;
}

async function* packed(
  blocks: AsyncIterable<Block>,
  map: BlockMap,
  memory: Hold,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const block of blocks) {
    if (map.push(block)) await memory.take(RUN_BYTES);
    if (block.bytes) yield block.bytes;
  }
}
