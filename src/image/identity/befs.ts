/** The id of a BeFS volume: the attribute be:volume_id of its root directory. */

import { type Fact, fieldsAt } from './signature.ts';

const NAME = 'be:volume_id';

/** fs/befs/befs_fs_types.h: root_dir of befs_super_block; small_data behind the fields of befs_inode. */
export const befsUuid: Fact = async (volume) => {
  for (const at of [0, 512]) {
    const magic = (await fieldsAt(volume, at + 32, 4)).ascii(0, 4);
    if (magic !== '1SFB' && magic !== 'BFS1') continue;
    const little = magic === '1SFB';
    const sb = await fieldsAt(volume, at, 132, little);
    const [blockBytes, inodeBytes] = [sb.u32(40), sb.u32(64)];
    const block = sb.u32(116) * 2 ** sb.u32(76) + sb.u16(120);
    if (inodeBytes < 256 || inodeBytes > 8192) return undefined;
    const inode = await fieldsAt(volume, block * blockBytes, inodeBytes, little);
    for (let data = 232; data + 8 < inodeBytes; ) {
      const [nameBytes, bytes] = [inode.u16(data + 4), inode.u16(data + 6)];
      if (nameBytes === 0) return undefined;
      const value = data + 8 + nameBytes + 3;
      if (inode.ascii(data + 8, nameBytes) === NAME && bytes === 8) {
        const digits = Array.from({ length: 8 }, (_, i) =>
          inode
            .u8(value + (little ? 7 - i : i))
            .toString(16)
            .padStart(2, '0'),
        );
        return digits.join('');
      }
      data = value + bytes + 1;
    }
  }
  return undefined;
};
