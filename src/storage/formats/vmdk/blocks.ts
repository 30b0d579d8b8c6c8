/** Grains of a sparse file of a VMDK that is written (monolithicSparse, twoGbMaxExtentSparse): appended, then told of in both sets of tables. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError, StorageError } from '../../errors.ts';
import { type Blocks, growTo } from '../parts/growing.ts';
import { readBytes } from '../parts/table.ts';
import { blocksApart, readTable, write32 } from '../parts/written-table.ts';
import { SECTOR, VMDK } from './descriptor.ts';
import type { SparseHeader } from './sparse.ts';

const LITTLE = true;
/** 64 MiB of them: 1 TiB in grains of 64 KiB. */
const MAX_GRAINS = 2 ** 24;
const MAX_SECTOR = 0xffffffff;
/** In place of a grain's sector: none, or zeros. */
const NONE = 1;

/** Gives a disk another id than the one in its descriptor: whoever built on it as it was finds that it is another. */
export async function changeId(source: ByteSource, { at, bytes }: SparseHeader['descriptor']): Promise<void> {
  const text = new TextDecoder('latin1').decode(await readBytes(VMDK, source, at, bytes));
  const found = /^CID=([0-9a-f]{1,8})\s*$/im.exec(text);
  if (!found) return;
  // qemu-img writes it without zeros in front: it keeps its length.
  const digits = found[1]?.length ?? 0;
  const id = (Math.imul(Number.parseInt(found[1] ?? '0', 16) ^ 0x9e3779b9, 0x85ebca6b) >>> 1).toString(16);
  await source.write?.(at + found.index + 'CID='.length, new TextEncoder().encode(id.padStart(8, '0').slice(-digits)));
}

/**
 * `changed` is called before the first change, where a descriptor is elsewhere. Rejects with a FormatError where its tables are damaged, or
 * not all there.
 */
export async function grainBlocks(
  source: ByteSource,
  header: SparseHeader,
  changed: () => Promise<void> = () => changeId(source, header.descriptor),
): Promise<Blocks> {
  const { sectors, grainSectors, tableEntries, directoryAt, copyAt, descriptor } = header;
  const sizeBytes = sectors * SECTOR;
  const grainBytes = grainSectors * SECTOR;
  const grains = Math.ceil(sectors / grainSectors);
  const tables = Math.ceil(grains / tableEntries);
  if (tables * tableEntries > MAX_GRAINS) throw new FormatError(VMDK, `it has ${grains} grains, too many to write it`);
  const tableBytes = 4 * tableEntries;

  /** Where each table of a directory begins. */
  async function tablesOf(at: number): Promise<Uint32Array> {
    const directory = await readTable(VMDK, source, at, tables);
    return Uint32Array.from({ length: tables }, (_, index) => directory.getUint32(4 * index, LITTLE));
  }
  const sets = [await tablesOf(directoryAt), ...(copyAt === 0 ? [] : [await tablesOf(copyAt)])];
  const [main = new Uint32Array(0)] = sets;
  if (sets.some((set) => set.includes(0))) throw new FormatError(VMDK, 'not all of its tables are there');
  const entries = new DataView(new ArrayBuffer(tables * tableBytes));
  for (const [number, sector] of main.entries()) {
    const bytes = await readBytes(VMDK, source, sector * SECTOR, tableBytes);
    new Uint8Array(entries.buffer).set(bytes, number * tableBytes);
  }
  const entryOf = (grain: number) => entries.getUint32(4 * grain, LITTLE);

  const metadata = [
    { at: 0, bytes: SECTOR },
    ...(descriptor.at === 0 ? [] : [descriptor]),
    ...[directoryAt, ...(copyAt === 0 ? [] : [copyAt])].map((at) => ({ at, bytes: 4 * tables })),
    ...sets.flatMap((set) => Array.from(set, (sector) => ({ at: sector * SECTOR, bytes: tableBytes }))),
  ].sort((a, b) => a.at - b.at);
  let metadataEnd = 0;
  for (const { at, bytes } of metadata) {
    if (at < metadataEnd) throw new FormatError(VMDK, 'its tables lie in each other');
    metadataEnd = at + bytes;
  }
  if (metadataEnd > source.sizeBytes) throw new FormatError(VMDK, 'a table lies behind the end of its file');
  const used: number[] = [];
  for (let grain = 0; grain < grains; grain += 1) if (entryOf(grain) > NONE) used.push(entryOf(grain) * SECTOR);
  // Of the last one there may be as much as the disk has.
  const to = Math.ceil(source.sizeBytes / grainBytes) * grainBytes;
  let end = blocksApart(VMDK, used, grainBytes, { from: metadataEnd, to: Math.max(metadataEnd, to) });
  let isTold = false;

  async function tell(): Promise<void> {
    if (isTold) return;
    isTold = true;
    await changed();
  }

  return {
    name: VMDK,
    sizeBytes,
    blockBytes: grainBytes,
    placeOf: (grain) => (entryOf(grain) > NONE ? entryOf(grain) * SECTOR : undefined),
    async touch(place) {
      await tell();
      await growTo(VMDK, source, place + grainBytes); // the last one of others may be short
    },
    async append() {
      await tell();
      const place = Math.ceil(end / grainBytes) * grainBytes;
      if (place / SECTOR > MAX_SECTOR) throw new StorageError('ENOSPC', 'a VMDK has at most 2 TiB of data');
      await growTo(VMDK, source, place + grainBytes);
      end = place + grainBytes;
      return place;
    },
    async commit(added) {
      for (const [grain, place] of added) {
        const [number, within] = [Math.floor(grain / tableEntries), grain % tableEntries];
        for (const set of sets) {
          await write32(source, (set[number] ?? 0) * SECTOR + 4 * within, place / SECTOR, LITTLE);
        }
      }
      await source.flush?.();
    },
  };
}
