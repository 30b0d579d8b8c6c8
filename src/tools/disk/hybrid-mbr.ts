/** The four entries of a master boot record beside a GPT, for firmware that knows no GPT: some of its partitions, and the GPT itself. */

import { HostError } from '../../errors/host-error.ts';
import { type BlockDevice, SECTOR } from '../../storage/block-device.ts';
import type { Laid } from './layout.ts';

export interface HybridEntry {
  readonly laid: Laid;
  /** Of the partition, as DOS tables have it. */
  readonly code: number;
  readonly bootable: boolean;
}

/** UEFI specification, section 5.2: where the entries are, and what says that there is a GPT. */
const ENTRIES = 446;
const ENTRY_BYTES = 16;
const GPT_PROTECTIVE = 0xee;
/** The last one is the GPT's: its header and its entries. */
export const MOST_HYBRID = 3;
const GPT_FIRST_SECTOR = 1;
const GPT_SECTORS = 33;
/** Cylinder, head and sector of what such an address cannot name. */
const NO_CHS = [0xfe, 0xff, 0xff];
const MOST_SECTORS = 2 ** 32 - 1;

/** After the GPT is written; boot code and the id of the disk stay. */
export async function writeHybridMbr(disk: BlockDevice, entries: readonly HybridEntry[]): Promise<void> {
  const sector = new Uint8Array(SECTOR);
  await disk.read(0, sector);
  sector.fill(0, ENTRIES, ENTRIES + 4 * ENTRY_BYTES);
  const all = entries.map(({ laid, code, bootable }) => ({
    boot: bootable ? 0x80 : 0,
    code,
    first: laid.startBytes / SECTOR,
    sectors: laid.sizeBytes / SECTOR,
  }));
  all.push({ boot: 0, code: GPT_PROTECTIVE, first: GPT_FIRST_SECTOR, sectors: GPT_SECTORS });
  const view = new DataView(sector.buffer);
  for (const [i, { boot, code, first, sectors }] of all.entries()) {
    if (first + sectors > MOST_SECTORS)
      throw new HostError('invalid-request', 'a hybrid table has no partition beyond 2 TiB');
    const at = ENTRIES + i * ENTRY_BYTES;
    sector.set([boot, ...NO_CHS, code, ...NO_CHS], at);
    view.setUint32(at + 8, first, true);
    view.setUint32(at + 12, sectors, true);
  }
  await disk.write?.(0, sector);
}
