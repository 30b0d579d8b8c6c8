/** Writes the disk in a file whose blocks are appended as they are first written, with one flat table of where they are. */

import { isZero } from '../../../bytes/zeros.ts';
import { type ByteSource, checkBytes } from '../../byte-source.ts';
import { StorageError } from '../../errors.ts';
import { mapped, zeros } from './mapped.ts';

/** What a format says of its blocks. A place is where the data of a block begin in the file. */
export interface Blocks {
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** Of a block that is there as the file was opened. */
  placeOf(block: number): number | undefined;
  /** The place of a block that is new. The file is as long as that needs, and what it has besides (its end, bitmaps) is written. */
  append(): Promise<number>;
  /** Before the first write to a block that was there. */
  touch?(place: number): Promise<void>;
  /** Refers to new blocks, whose data are durable, by block; durable itself once it has settled. */
  commit(added: ReadonlyMap<number, number>): Promise<void>;
}

/**
 * Data of a new block are written before anything refers to it: whoever is killed in between leaves a longer file, and the disk
 * as it was flushed last. What is written where a block is goes there in place, as to any disk.
 */
export function growingDisk(source: ByteSource, blocks: Blocks): ByteSource {
  const { name, sizeBytes, blockBytes } = blocks;
  const openedBytes = source.sizeBytes;
  const added = new Map<number, number>();
  /** Of those, what the table does not refer to yet. */
  const uncommitted = new Map<number, number>();
  const touched = new Set<number>();
  const placeOf = (block: number) => added.get(block) ?? blocks.placeOf(block);

  const disk = mapped({
    name,
    sizeBytes,
    find(offset) {
      const within = offset % blockBytes;
      const place = placeOf(Math.floor(offset / blockBytes));
      const bytes = blockBytes - within;
      return place === undefined ? zeros(bytes) : { kind: 'bytes', bytes, source, at: place + within };
    },
  });

  async function writeBlock(block: number, within: number, from: Uint8Array): Promise<void> {
    const there = placeOf(block);
    if (there !== undefined) {
      if (blocks.touch && !added.has(block) && !touched.has(block)) {
        await blocks.touch(there);
        touched.add(block);
      }
      await source.write?.(there + within, from);
      return;
    }
    if (from.length % 8 === 0 && from.byteOffset % 8 === 0 && isZero(from)) return;
    const place = await blocks.append();
    // Behind what the file had it is zeros; before, it may be what somebody left there.
    if (place >= openedBytes) await source.write?.(place + within, from);
    else {
      const whole = new Uint8Array(blockBytes);
      whole.set(from, within);
      await source.write?.(place, whole);
    }
    added.set(block, place);
    uncommitted.set(block, place);
  }

  async function flush(): Promise<void> {
    await source.flush?.();
    if (uncommitted.size === 0) return;
    const now = new Map(uncommitted);
    await blocks.commit(now);
    for (const block of now.keys()) uncommitted.delete(block);
  }

  /** Calls take turns. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  /** The parts of a range by block. */
  async function each(
    offset: number,
    length: number,
    work: (block: number, within: number, done: number, bytes: number) => Promise<void>,
  ): Promise<void> {
    for (let done = 0; done < length; ) {
      const within = (offset + done) % blockBytes;
      const bytes = Math.min(blockBytes - within, length - done);
      await work(Math.floor((offset + done) / blockBytes), within, done, bytes);
      done += bytes;
    }
  }

  return {
    ...disk,
    write(offset, from) {
      checkBytes({ sizeBytes }, offset, from.length);
      return inTurn(() =>
        each(offset, from.length, (block, within, done, bytes) =>
          writeBlock(block, within, from.subarray(done, done + bytes)),
        ),
      );
    },
    flush: () => inTurn(flush),
    discard(offset, length) {
      checkBytes({ sizeBytes }, offset, length);
      return inTurn(() =>
        each(offset, length, async (block, within, _, bytes) => {
          const place = placeOf(block);
          if (place !== undefined) await source.discard?.(place + within, bytes);
        }),
      );
    },
  };
}

/** Makes the file so long, or says that there is no room. */
export async function growTo(name: string, source: ByteSource, bytes: number): Promise<void> {
  if (bytes <= source.sizeBytes) return;
  if (!source.grow)
    throw new StorageError('ENOSPC', `${name}: its file cannot become longer than ${source.sizeBytes} bytes`);
  await source.grow(bytes);
}
