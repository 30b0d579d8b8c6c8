/** What blkid(8) calls the file systems of this kernel, and where each has its label and UUID. */

import { toHex } from '../../bytes/hex.ts';
import { befsUuid } from './befs.ts';
import { exfatLabel, fatLabel } from './fat.ts';
import { hfsplusLabel, hfsplusUuid, hfsUuid } from './hfsplus.ts';
import { iso9660Label, iso9660Uuid } from './iso9660.ts';
import { ntfsLabel } from './ntfs.ts';
import { type Fact, fieldsAt } from './signature.ts';
import { udfLabel, udfUuid } from './udf.ts';

export interface Facts {
  /** Where it differs from what mount(2) calls it. */
  readonly type?: string;
  readonly label?: Fact;
  readonly uuid?: Fact;
}

/** fs/ufs/ufs_fs.h: fs_id, two words; fs_volname where the superblock is UFS2's. */
const ufsUuid: Fact = async (volume) => {
  for (const at of [65_536, 8192]) {
    for (const little of [true, false]) {
      const sb = await fieldsAt(volume, at, 1536, little);
      if (![0x19540119, 0x11954].includes(sb.u32(1372))) continue;
      const digits = [sb.u32(144), sb.u32(148)].map((word) => word.toString(16).padStart(8, '0')).join('');
      return /[^0]/.test(digits) ? digits : undefined;
    }
  }
  return undefined;
};

/** fs/hpfs/hpfs.h: struct hpfs_boot_block, which has them only with one of two signatures. */
const hpfsText =
  (at: number, bytes: number, show: (field: Uint8Array) => string): Fact =>
  async (volume) => {
    const boot = await fieldsAt(volume, 0, 64);
    if (![0x28, 0x29].includes(boot.u8(38))) return undefined;
    return show(boot.slice(at, bytes)).replace(/[\0 ]+$/, '') || undefined;
  };
const serial = (field: Uint8Array): string => toHex(field.slice().reverse()).toUpperCase().replace(/^.{4}/, '$&-');

/** By what mount(2) calls them; those that are not here have what their superblock's row says. */
export const fileSystems: Readonly<Record<string, Facts>> = {
  vfat: { label: fatLabel },
  exfat: { label: exfatLabel },
  ntfs3: { type: 'ntfs', label: ntfsLabel },
  hfsplus: { label: hfsplusLabel, uuid: hfsplusUuid },
  hfs: { uuid: hfsUuid },
  udf: { label: udfLabel, uuid: udfUuid },
  iso9660: { label: iso9660Label, uuid: iso9660Uuid },
  ufs: { uuid: ufsUuid },
  befs: { uuid: befsUuid },
  hpfs: {
    label: hpfsText(43, 11, (field) => new TextDecoder().decode(field)),
    uuid: hpfsText(39, 4, serial),
  },
};
