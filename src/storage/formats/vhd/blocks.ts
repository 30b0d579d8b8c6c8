/** Blocks of a dynamic VHD that is written: a bitmap before each, the footer behind the last. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError, StorageError } from '../../errors.ts';
import { type Blocks, growTo } from '../parts/growing.ts';
import { blocksApart, readTable, write32 } from '../parts/written-table.ts';

const VHD = 'vhd';
const SECTOR = 512;
const UNUSED = 0xffffffff;
/** Entries count sectors in 32 bits. */
const MAX_SECTOR = 0xfffffffe;

export interface DynamicVhd {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly bitmapBytes: number;
  readonly tableAt: number;
  /** Of the header that tells of the table. */
  readonly header: { readonly from: number; readonly to: number };
  /** Where what is no block ends: headers and the table. */
  readonly headersEnd: number;
  /** 512 bytes. */
  readonly footer: Uint8Array;
}

/** Rejects with a FormatError where the table is damaged. */
export async function dynamicBlocks(source: ByteSource, disk: DynamicVhd): Promise<Blocks> {
  const { sizeBytes, blockBytes, bitmapBytes, tableAt, headersEnd, footer } = disk;
  const { header } = disk;
  const tableEnd = tableAt + 4 * Math.ceil(sizeBytes / blockBytes);
  const isApart = header.from >= SECTOR && tableAt >= SECTOR && (tableAt >= header.to || tableEnd <= header.from);
  if (!isApart) throw new FormatError(VHD, 'its headers are damaged: they lie in each other');
  const table = await readTable(VHD, source, tableAt, Math.ceil(sizeBytes / blockBytes));
  const entry = (block: number) => table.getUint32(4 * block);
  const unitBytes = bitmapBytes + blockBytes;
  const used: number[] = [];
  for (let block = 0; block < table.byteLength / 4; block += 1)
    if (entry(block) !== UNUSED) used.push(entry(block) * SECTOR);
  let end = blocksApart(VHD, used, unitBytes, { from: headersEnd, to: source.sizeBytes });

  return {
    name: VHD,
    sizeBytes,
    blockBytes,
    placeOf: (block) => (entry(block) === UNUSED ? undefined : entry(block) * SECTOR + bitmapBytes),
    async append() {
      const at = Math.ceil(end / SECTOR) * SECTOR;
      if (at / SECTOR > MAX_SECTOR) throw new StorageError('ENOSPC', 'the vhd has as many blocks as it can count');
      await growTo(VHD, source, at + unitBytes + footer.length);
      // At the very end, which may be farther where somebody was killed. The one before is overwritten by the block.
      await source.write?.(Math.max(at + unitBytes, source.sizeBytes - footer.length), footer);
      await source.write?.(at, new Uint8Array(bitmapBytes).fill(0xff));
      end = at + unitBytes;
      return at + bitmapBytes;
    },
    async touch(place) {
      const bitmap = new Uint8Array(bitmapBytes);
      await source.read(place - bitmapBytes, bitmap);
      // Some readers take sectors without their bit for zeros.
      if (bitmap.some((byte) => byte !== 0xff)) await source.write?.(place - bitmapBytes, bitmap.fill(0xff));
    },
    async commit(added) {
      for (const [block, place] of added) await write32(source, tableAt + 4 * block, (place - bitmapBytes) / SECTOR);
      await source.flush?.();
    },
  };
}
