/** Parallels' expanding disks (.hdd, .hds), after QEMU's docs/interop/parallels.txt. */

import { FormatError } from '../errors.ts';
import type { Format } from './format.ts';
import { mapped, zeros } from './parts/mapped.ts';
import { after, little64, readBytes, tables, viewOf } from './parts/table.ts';

const PARALLELS = 'parallels';
/** The older counts sectors in its table, the newer clusters, and has a size of 64 bits. */
const OLD_MAGIC = 'WithoutFreeSpace';
const NEW_MAGIC = 'WithouFreSpacExt';
const HEADER_BYTES = 64;
const SECTOR = 512;
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
    const table = tables(PARALLELS, source);
    return {
      content: mapped({
        name: PARALLELS,
        sizeBytes,
        find(offset) {
          const within = offset % clusterBytes;
          const bytes = clusterBytes - within;
          return after(table.view(HEADER_BYTES + 4 * Math.floor(offset / clusterBytes), 4), (view) => {
            const entry = view.getUint32(0, true);
            return entry === 0 ? zeros(bytes) : { kind: 'bytes', bytes, source, at: entry * unitBytes + within };
          });
        },
      }),
    };
  },
};
