/** Which object holds each chunk of a volume: pages of entries, themselves objects that never change. */

import { fromHex, toHex } from '../../bytes/hex.ts';

/** Entries of one page. */
export const PAGE_CHUNKS = 1024;

const HASH_BYTES = 32;
const WRITER_BYTES = 8;
const ENTRY_BYTES = HASH_BYTES + WRITER_BYTES;
export const PAGE_BYTES = PAGE_CHUNKS * ENTRY_BYTES;

/** Where a chunk's bytes are: in what the volume was begun from, nowhere because they are zeros, or in an object. */
export type Chunk = typeof BASE | typeof ZEROS | ChunkObject;

export const BASE = 'base';
export const ZEROS = 'zeros';

/**
 * An object named by what is in it and by the writer that put it there. A key is put by one writer only: whoever collects
 * what no version names need not fear that a later writer counts on it.
 */
export interface ChunkObject {
  /** SHA-256, in hex. */
  readonly hash: string;
  /** 16 hex digits. */
  readonly writer: string;
}

export const chunkKey = ({ hash, writer }: ChunkObject): string => `chunks/${hash}-${writer}`;

export const sameChunk = (a: Chunk, b: Chunk): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && a.hash === b.hash && a.writer === b.writer);

/** An entry of nothing but zeros is BASE; one whose only bit is the last one is ZEROS. */
export function encodePage(chunks: readonly Chunk[]): Uint8Array<ArrayBuffer> {
  const page = new Uint8Array(PAGE_BYTES);
  for (const [index, chunk] of chunks.entries()) {
    const at = index * ENTRY_BYTES;
    if (chunk === BASE) continue;
    if (chunk === ZEROS) page[at + ENTRY_BYTES - 1] = 1;
    else page.set(fromHex(chunk.hash + chunk.writer), at);
  }
  return page;
}

export function decodePage(page: Uint8Array): Chunk[] {
  if (page.length !== PAGE_BYTES) throw new Error(`a page of chunks has ${page.length} bytes`);
  return Array.from({ length: PAGE_CHUNKS }, (_, index): Chunk => {
    const entry = page.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES);
    const hash = entry.subarray(0, HASH_BYTES);
    const writer = entry.subarray(HASH_BYTES);
    if (hash.some((byte) => byte !== 0)) return { hash: toHex(hash), writer: toHex(writer) };
    return writer.at(-1) === 1 ? ZEROS : BASE;
  });
}
