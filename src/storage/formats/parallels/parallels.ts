/** Parallels' expanding disks (.hdd, .hds), after QEMU's docs/interop/parallels.txt. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Format } from '../format.ts';
import { tableReach } from '../parts/cut.ts';
import { type Blocks, growingDisk } from '../parts/growing.ts';
import { mapped, zeros } from '../parts/mapped.ts';
import { places } from '../parts/places.ts';
import { after, little64, readBytes, tables, viewOf } from '../parts/table.ts';
import { damageOf } from '../parts/written-table.ts';
import { parallelsBlocks, type WrittenParallels } from './blocks.ts';

const PARALLELS = 'parallels';
/** The older counts sectors in its table, the newer clusters, and has a size of 64 bits. */
const OLD_MAGIC = 'WithoutFreeSpace';
const NEW_MAGIC = 'WithouFreSpacExt';
const HEADER_BYTES = 64;
const SECTOR = 512;
const IN_USE_AT = 44;
const IN_USE = 0x746f6e59;
const DATA_AT = 48;
const EXTENSION_AT = 56;
const MAX_CLUSTER_SECTORS = 2 ** 21;

const magicOf = (head: Uint8Array) => String.fromCharCode(...head.subarray(0, 16));

export const parallels: Format = {
  name: PARALLELS,
  matches: ({ head }) => [OLD_MAGIC, NEW_MAGIC].includes(magicOf(head)),
  async open(source) {
    const header = await readBytes(PARALLELS, source, 0, HEADER_BYTES);
    const head = viewOf(header);
    const isNew = magicOf(header) === NEW_MAGIC;
    const version = head.getUint32(16, true);
    if (version !== 2) {
      throw new FormatError(PARALLELS, `version ${version} is not read here`, { code: 'EOPNOTSUPP' });
    }
    const clusterSectors = head.getUint32(28, true);
    const entries = head.getUint32(32, true);
    const sectors = isNew ? little64(head, 36) : head.getUint32(36, true);
    if (clusterSectors === 0 || clusterSectors > MAX_CLUSTER_SECTORS) {
      throw new FormatError(PARALLELS, `clusters of ${clusterSectors} sectors`);
    }
    const sizeBytes = sectors * SECTOR;
    const clusterBytes = clusterSectors * SECTOR;
    if (!Number.isSafeInteger(sizeBytes) || Math.ceil(sectors / clusterSectors) > entries) {
      throw new FormatError(PARALLELS, `a disk of ${sectors} sectors in ${entries} clusters of ${clusterSectors}`);
    }
    const unitBytes = isNew ? clusterBytes : SECTOR;
    let readOnly: string | undefined;
    if (source.write) {
      const opened = await writtenClusters(source, head, { sizeBytes, clusterBytes, entries, unitBytes });
      if (typeof opened !== 'string') return { content: growingDisk(source, opened), writes: true };
      readOnly = opened;
    }
    const table = tables(PARALLELS, source);
    const clustersAt = places(PARALLELS, [{ at: 0, bytes: HEADER_BYTES + 4 * entries }]);
    const map = { at: HEADER_BYTES, entries: Math.ceil(sizeBytes / clusterBytes), entryBytes: 4 };
    const claimedBytes = await tableReach(source, map, (view, at, index) => {
      const entry = view.getUint32(at, true);
      const length = Math.min(clusterBytes, sizeBytes - index * clusterBytes);
      return entry === 0 ? 0 : clustersAt.saw(entry * unitBytes, length);
    });
    clustersAt.compare();
    return {
      claimedBytes,
      ...(readOnly !== undefined && { readOnly }),
      content: mapped({
        name: PARALLELS,
        sizeBytes,
        find(offset) {
          const within = offset % clusterBytes;
          const bytes = clusterBytes - within;
          return after(table.view(HEADER_BYTES + 4 * Math.floor(offset / clusterBytes), 4), (view) => {
            const entry = view.getUint32(0, true);
            if (entry === 0) return zeros(bytes);
            clustersAt.check(entry * unitBytes, 1);
            return { kind: 'bytes', bytes, source, at: entry * unitBytes + within };
          });
        },
      }),
    };
  },
};

/** Its clusters, or why they are not written. */
async function writtenClusters(
  source: ByteSource,
  head: DataView,
  sizes: Pick<WrittenParallels, 'sizeBytes' | 'clusterBytes' | 'entries' | 'unitBytes'>,
): Promise<Blocks | string> {
  if (head.getUint32(IN_USE_AT, true) === IN_USE)
    return 'somebody writes to it, or was killed: qemu-img check -r all mends it';
  if (little64(head, EXTENSION_AT) !== 0) return 'it has bitmaps, which would no longer be right';
  const dataAt = head.getUint32(DATA_AT, true) * SECTOR;
  return parallelsBlocks(source, { name: PARALLELS, tableAt: HEADER_BYTES, dataAt, ...sizes }).catch(damageOf);
}
