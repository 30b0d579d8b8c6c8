import { describe, expect, it } from 'vitest';
import { whyNotMounted } from './why-not-mounted.ts';

describe('why Linux does not mount', () => {
  it.each([
    ['EXT4-fs (vda): bad block size 65536', 'its blocks have 65,536 bytes'],
    ['XFS (vda): File system with blocksize 16384 bytes. Only pagesize (4096) or less is supported.', '16,384 bytes'],
    ['erofs (device vda): blkszbits 14 isn’t supported on this platform'.replace('’', "'"), '16,384 bytes'],
    ["ext4: Unknown parameter 'nonsense'", 'it has no mount option nonsense'],
    ["vfat: Bad value for 'uid'", 'its mount option uid has no such value'],
    ['EXT4-fs (vda): couldn’t mount RDWR because of unsupported optional features (800000)', 'does not know'],
    ['XFS (vda): Superblock has unknown incompatible features (0x80) enabled.', 'does not know'],
    ['Filesystem uses "lzma" compression. This is not supported', 'compressed with lzma'],
    ["EXT4-fs (vda): The Hurd can't support 64-bit file systems", 'made for the Hurd'],
    ['cramfs: wrong endianness', 'of the other byte order'],
    ['UDF-fs: warning (device vda): udf_load_vrs: No anchor found', 'its anchor'],
  ])('%s', (said, words) => {
    const why = whyNotMounted('EINVAL', said);
    expect(why.words).toContain(words);
    expect(why.damaged).toBeUndefined();
  });

  it.each([
    ['EUCLEAN', undefined],
    ['EINVAL', 'EXT4-fs (vda): group descriptors corrupted!'],
    ['EINVAL', 'EXT4-fs (vda): ext4_check_descriptors: Block bitmap for group 0 not in group (block 0)!'],
    ['EBADMSG', 'XFS (vda): SB validate failed'],
  ] as const)('damage: %s, %s', (errno, said) => {
    expect(whyNotMounted(errno, said)).toEqual({ words: 'it is damaged', damaged: true });
  });

  it('knows no more than Linux tells', () => {
    expect(whyNotMounted('EINVAL', undefined)).toEqual({ words: 'Linux refuses it' });
  });
});
