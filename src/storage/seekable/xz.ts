/** xz files of several blocks, as `xz -T` and pixz make them: the index at the end of each stream (The .xz File Format, 1.2.1, 4). */

import { crc32 } from '../../bytes/crc32.ts';
import type { ByteSource } from '../byte-source.ts';
import { bytesAt, type Part, range } from './pieces.ts';

const FOOTER_BYTES = 12;
const HEADER_BYTES = 12;
const MAX_INDEX_BYTES = 64 * 2 ** 20;
const MAX_STREAMS = 10_000;

interface Block {
  readonly at: number;
  /** Without what fills it up to four bytes. */
  readonly unpaddedBytes: number;
  readonly bytes: number;
  /** Two bytes: what checks its stream has. */
  readonly flags: Uint8Array;
}

const up4 = (value: number) => Math.ceil(value / 4) * 4;

export async function xzParts(source: ByteSource): Promise<readonly Part[] | undefined> {
  const streams: Block[][] = [];
  let end = source.sizeBytes;
  while (end > 0) {
    const padded = await bytesAt(source, end - 4, 4);
    if (padded === undefined) return undefined;
    if (padded.every((byte) => byte === 0)) {
      end -= 4;
      continue;
    }
    const stream = await streamBefore(source, end);
    if (stream === undefined || streams.length === MAX_STREAMS) return undefined;
    streams.push(stream.blocks);
    end = stream.at;
  }
  let start = 0;
  const parts: Part[] = [];
  for (const block of streams.reverse().flat()) {
    if (block.bytes > 0) parts.push({ start, bytes: block.bytes, packed: () => alone(source, block) });
    start += block.bytes;
  }
  return parts;
}

/** The stream that ends at `end`. */
async function streamBefore(
  source: ByteSource,
  end: number,
): Promise<{ readonly at: number; readonly blocks: Block[] } | undefined> {
  const footer = await bytesAt(source, end - FOOTER_BYTES, FOOTER_BYTES);
  if (footer?.[10] !== 0x59 || footer[11] !== 0x5a) return undefined;
  const view = viewOf(footer);
  if (view.getUint32(0, true) !== crc32(footer.subarray(4, 10))) return undefined;
  const indexBytes = (view.getUint32(4, true) + 1) * 4;
  const indexAt = end - FOOTER_BYTES - indexBytes;
  const index = indexBytes <= MAX_INDEX_BYTES ? await bytesAt(source, indexAt, indexBytes) : undefined;
  if (index === undefined || viewOf(index).getUint32(indexBytes - 4, true) !== crc32(index.subarray(0, -4))) {
    return undefined;
  }
  const records = recordsOf(index);
  if (records === undefined) return undefined;
  const packed = records.reduce((sum, [unpaddedBytes]) => sum + up4(unpaddedBytes), 0);
  const at = indexAt - packed - HEADER_BYTES;
  const header = await bytesAt(source, at, HEADER_BYTES);
  if (header === undefined || header[0] !== 0xfd || header[7] !== footer[9]) return undefined;
  const flags = footer.slice(8, 10);
  let next = at + HEADER_BYTES;
  const blocks = records.map(([unpaddedBytes, bytes]): Block => {
    const block = { at: next, unpaddedBytes, bytes, flags };
    next += up4(unpaddedBytes);
    return block;
  });
  return { at, blocks };
}

/** Sizes of each block, packed and not. */
function recordsOf(index: Uint8Array): (readonly [number, number])[] | undefined {
  let at = 1;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = index[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  const count = index[0] === 0 ? number() : Number.NaN;
  if (!(count <= index.length)) return undefined;
  const records = Array.from({ length: count }, () => [number(), number()] as const);
  const isSound = records.every(
    ([packed, bytes]) => Number.isSafeInteger(packed) && packed > 0 && Number.isSafeInteger(bytes),
  );
  return isSound && at <= index.length - 4 ? records : undefined;
}

/** A block as a stream of its own. */
async function* alone(source: ByteSource, block: Block): AsyncGenerator<Uint8Array, void> {
  const { at, unpaddedBytes, bytes, flags } = block;
  yield Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, ...flags, ...little32(crc32(flags)));
  yield* range(source, at, up4(unpaddedBytes));
  const index = [0, 1, ...variable(unpaddedBytes), ...variable(bytes)];
  while (index.length % 4 !== 0) index.push(0);
  yield Uint8Array.of(...index, ...little32(crc32(Uint8Array.from(index))));
  const tail = [...little32((index.length + 4) / 4 - 1), ...flags];
  yield Uint8Array.of(...little32(crc32(Uint8Array.from(tail))), ...tail, 0x59, 0x5a);
}

/** Seven bits a byte, the lowest first (1.2). */
function variable(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

const little32 = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
