/** The label of NTFS: the attribute $VOLUME_NAME of its file $Volume. */

import { type Fact, fieldsAt, filled } from './signature.ts';

const VOLUME_RECORD = 3;
const ATTR_NAME = 0x60;
const ATTR_END = 0xffff_ffff;

/** fs/ntfs3/ntfs.h: struct NTFS_BOOT, MFT_REC, ATTRIB. */
export const ntfsLabel: Fact = async (volume) => {
  const boot = await fieldsAt(volume, 0, 512);
  const perCluster = boot.u8(13);
  const clusterBytes = boot.u16(11) * (perCluster > 0x80 ? 2 ** (0x100 - perCluster) : perCluster);
  const size = boot.u8(64);
  const recordBytes = size > 0x7f ? 2 ** (0x100 - size) : size * clusterBytes;
  if (recordBytes < 256 || recordBytes > 65_536) return undefined;
  const record = await fieldsAt(volume, boot.u64(48) * clusterBytes + VOLUME_RECORD * recordBytes, recordBytes);
  if (record.ascii(0, 4) !== 'FILE') return undefined;
  for (let at = record.u16(20); at + 24 <= recordBytes; ) {
    const [type, length] = [record.u32(at), record.u32(at + 4)];
    if (type === ATTR_END || length < 24 || at + length > recordBytes) return undefined;
    if (type === ATTR_NAME && record.u8(at + 8) === 0) {
      return filled(new TextDecoder('utf-16le').decode(record.slice(at + record.u16(at + 20), record.u32(at + 16))));
    }
    at += length;
  }
  return undefined;
};
