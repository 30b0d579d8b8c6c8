/** VDI, VirtualBox's format: dynamic and fixed. */

import { FormatError } from '../../errors.ts';
import type { Format } from '../format.ts';
import { tableReach } from '../parts/cut.ts';
import { growingDisk } from '../parts/growing.ts';
import { mapped, zeros } from '../parts/mapped.ts';
import { places } from '../parts/places.ts';
import { after, little64, readBytes, tables, viewOf } from '../parts/table.ts';
import { damageOf } from '../parts/written-table.ts';
import { vdiBlocks } from './blocks.ts';

const VDI = 'vdi';
/** After 64 bytes of text. */
const SIGNATURE_AT = 64;
const SIGNATURE = 0xbeda107f;
const HEADER_BYTES = 512;
/** Kinds of image: dynamic, fixed, undo, differencing. */
const KINDS = ['dynamic', 'fixed'];
const UNALLOCATED = 0xffffffff;
const ZERO = 0xfffffffe;
/** VirtualBox makes 1 MiB, QEMU up to 256 MiB. */
const MAX_BLOCK_BYTES = 2 ** 30;

export const vdi: Format = {
  name: VDI,
  matches: ({ head }) =>
    head.length >= HEADER_BYTES &&
    viewOf(head).getUint32(SIGNATURE_AT, true) === SIGNATURE &&
    viewOf(head).getUint32(68, true) >>> 16 < 16,
  async open(source) {
    const head = viewOf(await readBytes(VDI, source, 0, HEADER_BYTES));
    const u32 = (at: number) => head.getUint32(at, true);
    if (u32(68) >>> 16 !== 1) {
      throw new FormatError(VDI, `version ${u32(68) >>> 16} is not read here`, { code: 'EOPNOTSUPP' });
    }
    const kind = KINDS[u32(76) - 1];
    if (kind === undefined) {
      const why =
        'it holds the changes to another image, which only VirtualBox can find: clone it to a whole one first';
      throw new FormatError(VDI, why, { code: 'EOPNOTSUPP' });
    }
    let readOnly = u32(380) === 0 ? undefined : 'its blocks have extra data';
    const [mapAt, dataAt] = [u32(340), u32(344)];
    const [sizeBytes, blockBytes, extraBytes, blocks] = [little64(head, 368), u32(376), u32(380), u32(384)];
    if (blockBytes === 0 || blockBytes > MAX_BLOCK_BYTES || extraBytes > MAX_BLOCK_BYTES) {
      throw new FormatError(VDI, `blocks of ${blockBytes} bytes`);
    }
    if (!Number.isSafeInteger(sizeBytes) || Math.ceil(sizeBytes / blockBytes) > blocks) {
      throw new FormatError(VDI, `a disk of ${sizeBytes} bytes in ${blocks} blocks of ${blockBytes}`);
    }
    if (source.write && extraBytes === 0) {
      const disk = { sizeBytes, blockBytes, mapAt, dataAt, allocated: u32(388) };
      const opened = await vdiBlocks(source, disk).catch(damageOf);
      if (typeof opened !== 'string') return { note: kind, content: growingDisk(source, opened), writes: true };
      readOnly = opened;
    }
    const table = tables(VDI, source);
    const map = { at: mapAt, entries: Math.ceil(sizeBytes / blockBytes), entryBytes: 4 };
    const blocksAt = places(VDI, [{ at: 0, bytes: Math.max(HEADER_BYTES, dataAt) }]);
    const lengthOf = (index: number) => Math.min(blockBytes, sizeBytes - index * blockBytes);
    const placeOf = (entry: number) => dataAt + entry * (blockBytes + extraBytes) + extraBytes;
    const claimedBytes = await tableReach(source, map, (view, at, index) => {
      const entry = view.getUint32(at, true);
      if (entry >= ZERO) return 0;
      return blocksAt.saw(placeOf(entry), lengthOf(index));
    });
    blocksAt.compare();
    return {
      note: kind,
      claimedBytes,
      ...(readOnly !== undefined && { readOnly }),
      content: mapped({
        name: VDI,
        sizeBytes,
        find(offset) {
          const within = offset % blockBytes;
          const bytes = blockBytes - within;
          return after(table.view(mapAt + 4 * Math.floor(offset / blockBytes), 4), (view) => {
            const entry = view.getUint32(0, true);
            if (entry === UNALLOCATED || entry === ZERO) return zeros(bytes);
            const at = placeOf(entry);
            blocksAt.check(at, 1);
            return { kind: 'bytes', bytes, source, at: at + within };
          });
        },
      }),
    };
  },
};
