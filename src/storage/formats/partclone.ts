/** Images of partclone, as Clonezilla and Rescuezilla write them: the blocks of a file system that are in use, one behind the other. */

import { crc32 } from '../../bytes/crc32.ts';
import type { ByteSource } from '../byte-source.ts';
import { FormatError } from '../errors.ts';
import type { Format, FormatContext } from './format.ts';
import { mapped, type Piece, zeros } from './parts/mapped.ts';
import { after, counted, little64, readBytes, tables, viewOf } from './parts/table.ts';

const PARTCLONE = 'partclone';
const MAGIC = new TextEncoder().encode('partclone-image');
const VERSION_AT = 30;
/** Bytes of the bitmap that are looked at in one piece. */
const PIECE_BYTES = 64;
const READ_BYTES = 2 ** 20;
const MAX_BLOCK_BYTES = 2 ** 24;
/** 16 TiB in blocks of 4 KiB. */
const MAX_BLOCKS = 2 ** 32;
const CRC32 = 0x20;

/** What headers say, of either version (partclone's IMAGE_FORMATS.md). */
interface Header {
  readonly version: string;
  readonly fileSystem: string;
  readonly deviceBytes: number;
  readonly blocks: number;
  readonly blockBytes: number;
  readonly bitmapAt: number;
  /** Blocks that a byte of the bitmap tells of: 8, or 1. */
  readonly blocksInByte: number;
  readonly dataAt: number;
  /** So many bytes of a checksum are behind so many blocks. */
  readonly sumBytes: number;
  readonly sumBlocks: number;
  /** Each checksum is of its blocks alone, and is one that is known here. */
  readonly isChecked: boolean;
}

export const partclone: Format = {
  name: PARTCLONE,
  matches: ({ head }) => MAGIC.every((byte, at) => head[at] === byte) && /^\d{4}$/.test(versionIn(head)),
  async open(source, context) {
    const header = await headerOf(source);
    const { blocks, blockBytes, deviceBytes, dataAt, sumBytes, sumBlocks } = header;
    const used = await usedBlocks(source, header, context);
    const sums = sumBytes === 0 ? 0 : Math.ceil(used.count / sumBlocks) * sumBytes;
    return {
      note: `${header.fileSystem}, version ${Number(header.version)}`,
      claimedBytes: dataAt + used.count * blockBytes + sums,
      content: mapped({
        name: PARTCLONE,
        // A device may have some sectors behind the last block.
        sizeBytes: Math.max(blocks * blockBytes, deviceBytes - (deviceBytes % 512)),
        find: (offset) => pieceAt(source, header, used, offset),
      }),
    };
  },
};

const versionIn = (head: Uint8Array): string => String.fromCharCode(...head.subarray(VERSION_AT, VERSION_AT + 4));
const textIn = (bytes: Uint8Array): string => /^[\x20-\x7e]*/.exec(String.fromCharCode(...bytes))?.[0] ?? '';

async function headerOf(source: ByteSource): Promise<Header> {
  const head = await readBytes(PARTCLONE, source, 0, 110);
  const version = versionIn(head);
  const header = version === '0001' ? firstVersion(head) : version === '0002' ? secondVersion(head) : undefined;
  if (header === undefined)
    throw new FormatError(PARTCLONE, `version ${version} is not read here`, { code: 'EOPNOTSUPP' });
  const { blocks, blockBytes, sumBytes, sumBlocks, deviceBytes } = header;
  if (blockBytes === 0 || blockBytes % 512 !== 0 || blockBytes > MAX_BLOCK_BYTES)
    throw new FormatError(PARTCLONE, `blocks of ${blockBytes} bytes`);
  if (blocks > MAX_BLOCKS) throw new FormatError(PARTCLONE, `more than ${MAX_BLOCKS} blocks`, { code: 'EOPNOTSUPP' });
  if (sumBytes > 0 && sumBlocks === 0) throw new FormatError(PARTCLONE, 'its header is damaged');
  return { ...header, deviceBytes: deviceBytes <= (blocks + 256) * blockBytes ? deviceBytes : 0 };
}

function firstVersion(head: Uint8Array): Header {
  const view = viewOf(head);
  const blocks = little64(view, 48);
  return {
    version: versionIn(head),
    fileSystem: textIn(head.subarray(15, 30)),
    blockBytes: view.getUint32(36, true),
    deviceBytes: little64(view, 40),
    blocks,
    bitmapAt: 4160,
    blocksInByte: 1,
    dataAt: 4160 + blocks + 'BiTmAgIc'.length,
    sumBytes: 4,
    sumBlocks: 1,
    isChecked: false,
  };
}

function secondVersion(head: Uint8Array): Header {
  const view = viewOf(head);
  if (view.getUint16(34, true) !== 0xc0de)
    throw new FormatError(PARTCLONE, 'it is of a machine of the other byte order', { code: 'EOPNOTSUPP' });
  if (~crc32(head.subarray(0, 106)) >>> 0 !== view.getUint32(106, true))
    throw new FormatError(PARTCLONE, 'its header has a wrong checksum');
  const [blocks, mode, sumBytes] = [little64(view, 60), head[105] ?? 0, view.getUint16(98, true)];
  if (mode !== 1 && mode !== 8) throw new FormatError(PARTCLONE, 'it has no bitmap', { code: 'EOPNOTSUPP' });
  const blocksInByte = mode === 1 ? 8 : 1;
  return {
    version: versionIn(head),
    fileSystem: textIn(head.subarray(36, 52)),
    deviceBytes: little64(view, 52),
    blocks,
    blockBytes: view.getUint32(84, true),
    bitmapAt: 110,
    blocksInByte,
    dataAt: 110 + Math.ceil(blocks / blocksInByte) + 4,
    sumBytes,
    sumBlocks: view.getUint32(100, true),
    isChecked: view.getUint16(96, true) === CRC32 && sumBytes === 4 && head[104] === 1,
  };
}

interface Used {
  readonly count: number;
  /** What is at `block`: in use or not, how many like it follow in its piece, itself counted, and how many in use come before. */
  at(block: number): MaybeRun;
}

interface Run {
  readonly isUsed: boolean;
  readonly blocks: number;
  readonly before: number;
}
type MaybeRun = Run | Promise<Run>;

async function usedBlocks(source: ByteSource, header: Header, context: FormatContext): Promise<Used> {
  const { blocks, bitmapAt, blocksInByte } = header;
  const bitmapBytes = Math.ceil(blocks / blocksInByte);
  const pieces = Math.ceil(bitmapBytes / PIECE_BYTES);
  context.mustFit(PARTCLONE, 'an index of blocks', 8 * pieces);
  const isIn = (bytes: Uint8Array, at: number): boolean =>
    blocksInByte === 1 ? bytes[at] === 1 : (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) === 1;
  const inByte = Uint8Array.from({ length: 256 }, (_, byte) =>
    blocksInByte === 1 ? Number(byte === 1) : byte.toString(2).replaceAll('0', '').length,
  );
  /** Blocks in use before each piece of the bitmap. */
  const before = new Float64Array(pieces);
  let [count, sum] = [0, 0];
  for (let at = 0; at < bitmapBytes; at += READ_BYTES) {
    const bytes = await readBytes(PARTCLONE, source, bitmapAt + at, Math.min(READ_BYTES, bitmapBytes - at));
    sum = crc32(bytes, sum);
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      before[(at + from) / PIECE_BYTES] = count;
      for (const byte of bytes.subarray(from, from + PIECE_BYTES)) count += inByte[byte] ?? 0;
    }
  }
  await checkEnd(source, header, sum);
  const table = tables(PARTCLONE, source);
  return {
    count,
    at(block) {
      const number = Math.floor(block / (PIECE_BYTES * blocksInByte));
      const place = number * PIECE_BYTES;
      return after(table.view(bitmapAt + place, Math.min(PIECE_BYTES, bitmapBytes - place)), (view) => {
        const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
        const within = block - place * blocksInByte;
        const end = Math.min(bytes.length * blocksInByte, blocks - place * blocksInByte);
        let earlier = before[number] ?? 0;
        for (let index = 0; index < within; index += 1) if (isIn(bytes, index)) earlier += 1;
        const isUsed = isIn(bytes, within);
        let next = within + 1;
        while (next < end && isIn(bytes, next) === isUsed) next += 1;
        return { isUsed, blocks: next - within, before: earlier };
      });
    },
  };
}

/** What is behind the bitmap tells that it is whole. */
async function checkEnd(source: ByteSource, { version, dataAt }: Header, sum: number): Promise<void> {
  const end = await readBytes(PARTCLONE, source, dataAt - 8, 8);
  const isRight = version === '0001' ? textIn(end) === 'BiTmAgIc' : viewOf(end).getUint32(4, true) === ~sum >>> 0;
  if (!isRight) throw new FormatError(PARTCLONE, 'its bitmap is damaged');
}

function pieceAt(source: ByteSource, header: Header, used: Used, offset: number): Piece | Promise<Piece> {
  const { blocks, blockBytes, dataAt, sumBytes, sumBlocks, isChecked } = header;
  const block = Math.floor(offset / blockBytes);
  const within = offset % blockBytes;
  if (block >= blocks) return zeros(Number.MAX_SAFE_INTEGER);
  return after(used.at(block), ({ isUsed, blocks: run, before }): Piece => {
    if (!isUsed) return zeros(run * blockBytes - within);
    if (sumBytes === 0) {
      return { kind: 'bytes', bytes: run * blockBytes - within, source, at: dataAt + before * blockBytes + within };
    }
    const group = Math.floor(before / sumBlocks);
    const first = group * sumBlocks;
    const at = dataAt + first * blockBytes + group * sumBytes;
    const from = (before - first) * blockBytes + within;
    const bytes = Math.min(run, first + sumBlocks - before) * blockBytes - within;
    const groupBytes = Math.min(sumBlocks, used.count - first) * blockBytes;
    if (!isChecked || groupBytes > READ_BYTES * 8) return { kind: 'bytes', bytes, source, at: at + from };
    return { kind: 'packed', bytes, key: group, from, unpack: () => checked(source, at, groupBytes) };
  });
}

/** Blocks, of which the checksum behind them is right. */
async function checked(source: ByteSource, at: number, bytes: number): Promise<Uint8Array> {
  const found = await readBytes(PARTCLONE, source, at, bytes + 4);
  const data = found.subarray(0, bytes);
  if (~crc32(data) >>> 0 === viewOf(found).getUint32(bytes, true)) return data;
  throw new FormatError(PARTCLONE, `blocks at ${counted(at)} have a wrong checksum`);
}
