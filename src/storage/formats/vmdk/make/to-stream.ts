/** A disk as a new VMDK in a stream (streamOptimized, as OVA has them): read once, its grains compressed, its tables behind them. */

import type { ByteSource } from '../../../byte-source.ts';
import { dataRuns } from '../../../sources/data-runs.ts';
import { SECTOR } from '../descriptor.ts';
import {
  AFTER_DESCRIPTOR,
  AT_END,
  encodeDescriptor,
  encodeHeader,
  GRAIN,
  GRAIN_SECTORS,
  littleEndian,
  MAX_SECTORS,
  roundUp,
  sectorsOf,
  TABLE_BYTES,
  TABLE_ENTRIES,
  tablesOf,
  tooLarge,
} from './header.ts';

/** What a marker is before. */
const markers = { end: 0, table: 1, directory: 2, footer: 3 } as const;

export interface VmdkStreamOptions {
  /** RFC 1950. */
  readonly deflate: (bytes: Uint8Array) => Uint8Array;
  /** Told how far in the disk it is. */
  readonly progress?: (atBytes: number) => void | Promise<void>;
}

/** All of the file, in its order; a piece may change once `sink` has settled. */
export async function vmdkStream(
  disk: ByteSource,
  sink: (bytes: Uint8Array) => void | Promise<void>,
  { deflate, progress }: VmdkStreamOptions,
): Promise<void> {
  const sectors = sectorsOf(disk.sizeBytes);
  const overhead = roundUp(AFTER_DESCRIPTOR, GRAIN_SECTORS);
  const header = { sectors, isStream: true, directoryAt: AT_END, copyAt: 0n, overhead };
  let at = 0;
  const send = async (bytes: Uint8Array) => {
    await sink(bytes);
    at += bytes.length / SECTOR;
    if (at > MAX_SECTORS) throw tooLarge();
  };
  const begin = new Uint8Array(overhead * SECTOR);
  begin.set(encodeHeader(header));
  begin.set(encodeDescriptor(header), SECTOR);
  await send(begin);

  const directory = new Uint32Array(tablesOf(sectors));
  let table = new Uint32Array(TABLE_ENTRIES);
  let number = 0;
  const putTable = async () => {
    if (table.every((entry) => entry === 0)) return;
    await send(marker(markers.table, TABLE_BYTES / SECTOR));
    directory[number] = at;
    await send(littleEndian(table));
  };
  const grain = new Uint8Array(GRAIN);
  for await (const run of dataRuns(disk, GRAIN)) {
    for (let done = 0; done < run.bytes.length; done += GRAIN) {
      const index = (run.at + done) / GRAIN;
      const its = Math.floor(index / TABLE_ENTRIES);
      if (its !== number) {
        await putTable();
        [table, number] = [new Uint32Array(TABLE_ENTRIES), its];
      }
      const part = run.bytes.subarray(done, done + GRAIN);
      grain.set(part);
      grain.fill(0, part.length);
      table[index % TABLE_ENTRIES] = at;
      await send(packed(index * GRAIN_SECTORS, deflate(grain)));
    }
    await progress?.(run.at + run.bytes.length);
  }
  await putTable();
  const bytes = new Uint8Array(roundUp(4 * directory.length, SECTOR));
  bytes.set(littleEndian(directory));
  await send(marker(markers.directory, bytes.length / SECTOR));
  const directoryAt = BigInt(at);
  await send(bytes);
  await send(marker(markers.footer, 1));
  await send(encodeHeader({ ...header, directoryAt }));
  await send(marker(markers.end, 0));
}

/** Before what is no grain: how many sectors it has. */
function marker(type: number, sectors: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sectors), true);
  view.setUint32(12, type, true);
  return bytes;
}

/** A grain behind its marker: where in the disk it is, and how long. */
function packed(sector: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(roundUp(12 + data.length, SECTOR));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, data.length, true);
  bytes.set(data, 12);
  return bytes;
}
