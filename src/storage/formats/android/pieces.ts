/**
 * A disk in several sparse files (`simg2simg`, `super.img_sparsechunk.0`, `.1` …): each tells the size of all of it, and has
 * chunks of nothing for what is in the others. One alone looks like a disk with zeros there.
 */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { FormatContext } from '../format.ts';
import { type Chunks, readChunks, SPARSE } from './chunks.ts';
import { usesBehind } from './used.ts';

export interface SparseFile {
  readonly source: ByteSource;
  readonly chunks: Chunks;
}

/** More than a flasher's image has. */
const MAX_FILES = 64;
/** The latest place at which any file system has its first superblock, and that: before it a disk may be a hole. */
const MAX_HOLE_BYTES = 256 * 1024;

/** The file, and those beside it that have other parts of its disk; `absent`: the first number that lacks among theirs. */
export async function withOthers(
  own: SparseFile,
  context: FormatContext,
): Promise<{ readonly files: readonly SparseFile[]; readonly absent?: number }> {
  const { first, end, blocks, blockBytes } = own.chunks;
  if (first === 0 && end === blocks) return { files: [own] };
  const files = [own];
  const numbers: number[] = [];
  for (let number = 0; number < MAX_FILES; number += 1) {
    const found = await numbered(number, context);
    if (found?.chunks.blocks !== blocks || found.chunks.blockBytes !== blockBytes) continue;
    numbers.push(number);
    if (found.chunks.first !== first || found.chunks.end !== end) files.push(found);
  }
  // Files that have the same parts are no pieces of one disk: versions of it.
  const inOrder = files.toSorted((one, other) => one.chunks.first - other.chunks.first);
  if (inOrder.some(({ chunks }, i) => chunks.first < (inOrder[i - 1]?.chunks.end ?? 0))) return { files: [own] };
  const absent = numbers.findIndex((number, i) => i > 0 && number !== (numbers[i - 1] ?? 0) + 1);
  return { files, ...(absent > 0 && { absent: (numbers[absent - 1] ?? 0) + 1 }) };
}

async function numbered(number: number, context: FormatContext): Promise<SparseFile | undefined> {
  try {
    const source = await context.sibling(SPARSE, `*.${number}`);
    return { source, chunks: await readChunks(source) };
  } catch (cause) {
    if (cause instanceof FormatError) return undefined;
    throw cause;
  }
}

/** Whether a block lies behind or between all of what the files have, or before it: a disk may begin with a hole that is not to be missed. */
export const isOutside = (
  files: readonly SparseFile[],
  block: number,
  { isBegun }: { readonly isBegun: boolean },
): boolean => files.every(({ chunks }) => block >= chunks.end || (!isBegun && block < chunks.first));

/** Whether the files are all of the disk. `cut`: why they are known not to be; what is not known is a note, and what they do not have an error to read. */
export async function lackOf(
  files: readonly SparseFile[],
  absent: number | undefined,
  disk: ByteSource,
): Promise<{ readonly isWhole?: true; readonly cut?: string; readonly notes?: readonly string[] }> {
  const [{ chunks } = { chunks: { blockBytes: 0 } }] = files;
  const first = Math.min(...files.map((file) => file.chunks.first)) * chunks.blockBytes;
  const end = Math.max(...files.map((file) => file.chunks.end)) * chunks.blockBytes;
  const others = `the others are looked for beside it, as NAME.0, NAME.1 …`;
  if (end === 0) return { isWhole: true };
  if (absent !== undefined) return { cut: `the ${SPARSE} is in several files, of which number ${absent} is not there` };
  if (first > MAX_HOLE_BYTES)
    return {
      cut: `the ${SPARSE} has nothing before byte ${first.toLocaleString('en')}: it is one of several files of a disk; ${others}`,
    };
  if (end === disk.sizeBytes) return { isWhole: true };
  const place = `behind byte ${end.toLocaleString('en')}`;
  const uses = await usesBehind(disk, end);
  if (uses === true)
    return {
      cut: `the ${SPARSE} has nothing ${place}, and what is on it is: it is one of several files of a disk; ${others}`,
    };
  if (uses === false) return { isWhole: true };
  return {
    notes: [
      `the ${SPARSE} has nothing ${place}, and who reads that is told so: were it one of several files, ${others}`,
    ],
  };
}
