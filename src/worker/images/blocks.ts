/** The bytes of a body as blocks: those of nothing but zeros take no memory and no storage. */

import { isZero } from '../../bytes/zeros.ts';
import { type ByteSource, checkBytes } from '../../storage/byte-source.ts';

export const BLOCK_BYTES = 64 * 1024;

/** Of a block's length; the last of a body may be shorter. */
export interface Block {
  readonly length: number;
  /** Absent: zeros. */
  readonly bytes?: Uint8Array;
}

export async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Block, void, void> {
  let block = new Uint8Array(BLOCK_BYTES);
  let filled = 0;
  for await (const chunk of source) {
    for (let from = 0; from < chunk.length; ) {
      const piece = chunk.subarray(from, from + BLOCK_BYTES - filled);
      block.set(piece, filled);
      from += piece.length;
      filled += piece.length;
      if (filled < BLOCK_BYTES) continue;
      filled = 0;
      if (isZero(block)) {
        yield { length: BLOCK_BYTES };
      } else {
        yield { length: BLOCK_BYTES, bytes: block };
        block = new Uint8Array(BLOCK_BYTES);
      }
    }
  }
  const last = block.subarray(0, filled);
  if (filled > 0) yield last.every((byte) => byte === 0) ? { length: filled } : { length: filled, bytes: last };
}

/** `blocks` in memory as a source. */
export function blockSource(blocks: readonly Block[]): ByteSource {
  const sizeBytes = blocks.reduce((sum, { length }) => sum + length, 0);
  return {
    sizeBytes,
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      for (let done = 0; done < into.length; ) {
        const at = offset + done;
        const start = at % BLOCK_BYTES;
        const { bytes } = blocks[Math.floor(at / BLOCK_BYTES)] ?? {};
        const length = Math.min(BLOCK_BYTES - start, into.length - done);
        if (bytes) into.set(bytes.subarray(start, start + length), done);
        else into.fill(0, done, done + length);
        done += length;
      }
    },
  };
}

/** Where the blocks of a body are when those of zeros were left out: the others stand behind each other. */
export class BlockMap {
  /** Of blocks that are there: the first, how many, and how many stand before them. */
  readonly #runs: { readonly first: number; blocks: number; readonly before: number }[] = [];
  #blocks = 0;
  #sizeBytes = 0;

  /** Bytes with the zeros. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The next block; answers whether it is there and begins a run, which takes memory. */
  push({ length, bytes }: Block): boolean {
    const at = this.#blocks++;
    this.#sizeBytes += length;
    if (bytes === undefined) return false;
    const last = this.#runs.at(-1);
    if (last && last.first + last.blocks === at) {
      last.blocks++;
      return false;
    }
    this.#runs.push({ first: at, blocks: 1, before: last ? last.before + last.blocks : 0 });
    return true;
  }

  /** How many of the first `block` blocks are there, and whether that one is. */
  find(block: number): { readonly before: number; readonly there: boolean } {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle]?.first ?? 0) <= block) low = middle + 1;
      else high = middle;
    }
    const run = this.#runs[low - 1];
    if (run === undefined) return { before: 0, there: false };
    const within = Math.min(block - run.first, run.blocks);
    return { before: run.before + within, there: within < run.blocks };
  }
}

/** The body again, out of `packed`, which has the blocks of `map` that are there. One read of it for each. */
export function unpackedSource(packed: ByteSource, map: BlockMap): ByteSource {
  const { sizeBytes } = map;
  return {
    sizeBytes,
    async read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      const [first, end] = [Math.floor(offset / BLOCK_BYTES), Math.ceil((offset + into.length) / BLOCK_BYTES)];
      const [from, to] = [map.find(first).before, map.find(end).before];
      if (to - from === end - first) return packed.read(from * BLOCK_BYTES + (offset % BLOCK_BYTES), into);
      const found = new Uint8Array(Math.min(to * BLOCK_BYTES, packed.sizeBytes) - from * BLOCK_BYTES);
      if (found.length > 0) await packed.read(from * BLOCK_BYTES, found);
      const blocks = Array.from({ length: end - first }, (_, index): Block => {
        const { before, there } = map.find(first + index);
        const at = (before - from) * BLOCK_BYTES;
        return { length: BLOCK_BYTES, ...(there && { bytes: found.subarray(at, at + BLOCK_BYTES) }) };
      });
      await blockSource(blocks).read(offset - first * BLOCK_BYTES, into);
    },
  };
}
