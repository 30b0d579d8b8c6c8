/** Puts file systems into the partitions of a disk with a DOS partition table. */

const SECTOR = 512;

/** Of a megabyte, as fdisk aligns them. */
const ALIGN = 2048 * SECTOR;
const LINUX = 0x83;

export function dosDisk(...volumes: readonly Uint8Array[]): Uint8Array {
  const aligned = (bytes: number) => Math.ceil(bytes / ALIGN) * ALIGN;
  const disk = new Uint8Array(volumes.reduce((end, volume) => end + aligned(volume.length), ALIGN));
  const table = new DataView(disk.buffer);
  let at = ALIGN;
  for (const [index, volume] of volumes.entries()) {
    const entry = 446 + 16 * index;
    table.setUint8(entry + 4, LINUX);
    table.setUint32(entry + 8, at / SECTOR, true);
    table.setUint32(entry + 12, aligned(volume.length) / SECTOR, true);
    disk.set(volume, at);
    at += aligned(volume.length);
  }
  table.setUint16(510, 0xaa55, true);
  return disk;
}
