/** An Android `super` (AOSP, liblp/include/liblp/metadata_format.h) of partitions that each lie in two pieces, between each other's. */

import { createHash } from 'node:crypto';

const MIB = 2 ** 20;
const SECTOR = 512;

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

/** Partitions by name; they begin at 1 MiB, and end the disk. */
export function madeSuper(partitions: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const extents: { readonly at: number; readonly sectors: number; readonly bytes: Uint8Array }[] = [];
  const rows: Buffer[] = [];
  let at = MIB / SECTOR;
  const pieces = Object.values(partitions).map((bytes) => {
    const half = Math.ceil(bytes.length / 2 / SECTOR) * SECTOR;
    return [bytes.subarray(0, half), bytes.subarray(half)];
  });
  // First pieces, then second ones; the extents of a partition are one after another in the table.
  const places = [0, 1].map((which) =>
    pieces.map((of) => {
      const bytes = of[which] ?? new Uint8Array(0);
      const sectors = Math.ceil(bytes.length / SECTOR);
      at += sectors;
      return { at: at - sectors, sectors, bytes };
    }),
  );
  for (const [index, name] of Object.keys(partitions).entries()) {
    const own = places.flatMap((row) => row[index] ?? []);
    const row = Buffer.alloc(52);
    row.write(name, 0, 'latin1');
    row.writeUInt32LE(1, 36); // LP_PARTITION_ATTR_READONLY
    row.writeUInt32LE(extents.length, 40);
    row.writeUInt32LE(own.length, 44);
    rows.push(row);
    extents.push(...own);
  }
  const lines = extents.map((extent) => {
    const line = Buffer.alloc(24);
    line.writeBigUInt64LE(BigInt(extent.sectors), 0);
    line.writeBigUInt64LE(BigInt(extent.at), 12);
    return line;
  });
  const [group, device] = [Buffer.alloc(48), Buffer.alloc(64)];
  group.write('default');
  device.writeBigUInt64LE(BigInt(MIB / SECTOR), 0);
  device.writeBigUInt64LE(BigInt(at * SECTOR), 16);
  device.write('super', 24);
  const tables = [Buffer.concat(rows), Buffer.concat(lines), group, device];
  const body = Buffer.concat(tables);
  const header = Buffer.alloc(128);
  header.writeUInt32LE(0x414c5030, 0);
  header.writeUInt16LE(10, 4);
  header.writeUInt32LE(128, 8);
  header.writeUInt32LE(body.length, 44);
  sha(body).copy(header, 48);
  let place = 0;
  for (const [i, [count, bytes]] of [
    [rows.length, 52],
    [lines.length, 24],
    [1, 48],
    [1, 64],
  ].entries()) {
    header.writeUInt32LE(place, 80 + i * 12);
    header.writeUInt32LE(count ?? 0, 84 + i * 12);
    header.writeUInt32LE(bytes ?? 0, 88 + i * 12);
    place += tables[i]?.length ?? 0;
  }
  sha(header).copy(header, 12);
  const geometry = Buffer.alloc(52);
  geometry.writeUInt32LE(0x616c4467, 0);
  geometry.writeUInt32LE(52, 4);
  geometry.writeUInt32LE(65_536, 40);
  geometry.writeUInt32LE(1, 44);
  geometry.writeUInt32LE(4096, 48);
  sha(geometry).copy(geometry, 8);
  const disk = new Uint8Array(at * SECTOR);
  disk.set(geometry, 4096);
  disk.set(geometry, 8192);
  disk.set(header, 12_288);
  disk.set(body, 12_288 + header.length);
  disk.set(header, 12_288 + 65_536);
  disk.set(body, 12_288 + 65_536 + header.length);
  for (const { at, bytes } of extents) disk.set(bytes, at * SECTOR);
  return disk;
}
