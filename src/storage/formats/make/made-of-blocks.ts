/** Files of a head that tells where blocks are, and the blocks: how VMDK, VHD, VHDX and VDI are made, here and there in a file or as a stream. */

import type { ByteSource } from '../../byte-source.ts';
import { dataRuns, nextData } from '../../sources/data-runs.ts';
import { BlockRuns } from './block-runs.ts';
import { DiskId } from './disk-id.ts';

/** Bytes at a place of the file. */
export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** How a format lays out a disk. The nth block that is there is the nth one of the file. */
export interface BlockLayout {
  readonly blockBytes: number;
  /** What stands before the data of each block. */
  readonly bitmap?: Uint8Array;
  /** Where the first one begins, with its bitmap: behind the head, however many there are. */
  readonly blocksAt: number;
  /** Behind the last one. */
  readonly tail?: (id: Uint8Array) => Uint8Array;
  /** What is before the blocks, in its order, and first of all what is at 0; between pieces are zeros. */
  head(blocks: BlockRuns, id: Uint8Array): Iterable<Piece>;
  /** Throws where so many blocks are more than it can count. */
  check?(blocks: number): void;
}

/** Writes `bytes` at `at` of a file that becomes as long as that needs. */
export type WriteAt = (at: number, bytes: Uint8Array) => void | Promise<void>;
export type Sink = (bytes: Uint8Array) => void | Promise<void>;
/** Told how far in the disk it is. */
export type Progress = (atBytes: number) => void | Promise<void>;

export interface MadeStream {
  /** Undefined: nobody knows before it is made. */
  readonly fileBytes?: number;
  /** All of it, piece by piece; a piece may change once `sink` has settled. */
  writeTo(sink: Sink): Promise<void>;
}

const PIECE_BYTES = 2 ** 20;
/** Holes of a raw image, and within blocks, are so large or larger, as file systems have them. */
export const HOLE_BYTES = 4096;

const unitBytes = ({ blockBytes, bitmap }: BlockLayout): number => blockBytes + (bitmap?.length ?? 0);

function fileBytesOf(layout: BlockLayout, blocks: number, tail: Uint8Array): number {
  return layout.blocksAt + blocks * unitBytes(layout) + tail.length;
}

/** Data as they come, what tells of them last, so that half of a file is none. Answers how long it is; what is not written is a hole. */
export async function blocksToFile(
  disk: ByteSource,
  layout: BlockLayout,
  write: WriteAt,
  progress?: Progress,
): Promise<number> {
  const { blockBytes, bitmap, blocksAt } = layout;
  const blocks = new BlockRuns();
  const id = new DiskId(disk.sizeBytes);
  for await (const { at, bytes } of dataRuns(disk, Math.min(HOLE_BYTES, blockBytes))) {
    id.add(at, bytes);
    for (let done = 0; done < bytes.length; ) {
      const [block, within] = [Math.floor((at + done) / blockBytes), (at + done) % blockBytes];
      const part = bytes.subarray(done, done + blockBytes - within);
      const before = blocks.count;
      blocks.add(block, block);
      const unitAt = blocksAt + (blocks.count - 1) * unitBytes(layout);
      if (bitmap && blocks.count > before) await write(unitAt, bitmap);
      await write(unitAt + (bitmap?.length ?? 0) + within, part);
      done += part.length;
    }
    layout.check?.(blocks.count);
    await progress?.(at + bytes.length);
  }
  const uuid = id.uuid();
  const tail = layout.tail?.(uuid) ?? new Uint8Array(0);
  const fileBytes = fileBytesOf(layout, blocks.count, tail);
  if (tail.length > 0) await write(fileBytes - tail.length, tail);
  let first: Piece | undefined;
  for (const piece of layout.head(blocks, uuid)) {
    if (piece.at === 0) first = piece;
    else await write(piece.at, piece.bytes);
  }
  if (first) await write(0, first.bytes);
  return fileBytes;
}

export interface StreamOptions {
  /**
   * Zeros that nobody knows of are found by reading: where more than so much would have to be read for that, what is not known to be
   * zeros is in the file as it is.
   */
  readonly lookBytes?: number;
  /** Tells the disk from others. */
  readonly name?: string;
  readonly progress?: Progress;
}

/** Looked through once for what is in the disk, and read once more as it goes out. */
export async function blocksStream(
  disk: ByteSource,
  layout: BlockLayout,
  { lookBytes = Infinity, name, progress }: StreamOptions = {},
): Promise<MadeStream> {
  const { blockBytes } = layout;
  const known = await knownData(disk, blockBytes, new DiskId(disk.sizeBytes, name));
  const isLooked = known.blocks.count * blockBytes <= lookBytes;
  const { blocks, id } = isLooked ? await foundData(disk, blockBytes, new DiskId(disk.sizeBytes, name)) : known;
  layout.check?.(blocks.count);
  const uuid = id.uuid();
  const tail = layout.tail?.(uuid) ?? new Uint8Array(0);
  return {
    fileBytes: fileBytesOf(layout, blocks.count, tail),
    async writeTo(sink) {
      let sent = 0;
      for (const { at, bytes } of layout.head(blocks, uuid)) {
        await sendZeros(sink, at - sent);
        await sink(bytes);
        sent = at + bytes.length;
      }
      await sendZeros(sink, layout.blocksAt - sent);
      const buffer = new Uint8Array(Math.min(PIECE_BYTES, blockBytes));
      for (const { block } of blocks.numbered()) {
        if (layout.bitmap) await sink(layout.bitmap);
        for (let at = block * blockBytes; at < (block + 1) * blockBytes; at += buffer.length) {
          await readOver(disk, at, buffer);
          await sink(buffer);
        }
        await progress?.(Math.min(disk.sizeBytes, (block + 1) * blockBytes));
      }
      if (tail.length > 0) await sink(tail);
    },
  };
}

interface Found {
  readonly blocks: BlockRuns;
  readonly id: DiskId;
}

async function knownData(disk: ByteSource, blockBytes: number, id: DiskId): Promise<Found> {
  const blocks = new BlockRuns();
  for (let at = 0; ; at += blockBytes) {
    at = await nextData(disk, at, blockBytes);
    if (at >= disk.sizeBytes) return { blocks, id };
    blocks.add(at / blockBytes, at / blockBytes);
    id.add(at);
  }
}

async function foundData(disk: ByteSource, blockBytes: number, id: DiskId): Promise<Found> {
  const blocks = new BlockRuns();
  for await (const { at, bytes } of dataRuns(disk, Math.min(HOLE_BYTES, blockBytes))) {
    id.add(at, bytes);
    blocks.add(Math.floor(at / blockBytes), Math.floor((at + bytes.length - 1) / blockBytes));
  }
  return { blocks, id };
}

/** What is behind the end of the disk is zeros; what is known to be zeros is not read. */
async function readOver(disk: ByteSource, at: number, into: Uint8Array): Promise<void> {
  const there = Math.max(0, Math.min(into.length, disk.sizeBytes - at));
  into.fill(0, there);
  if (there === 0) return;
  if (((await disk.zerosAt?.(at)) ?? 0) >= there) into.fill(0);
  else await disk.read(at, into.subarray(0, there));
}

async function sendZeros(sink: Sink, bytes: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(PIECE_BYTES, Math.max(0, bytes)));
  for (let done = 0; done < bytes; done += zeros.length) await sink(zeros.subarray(0, bytes - done));
}
