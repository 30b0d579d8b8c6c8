import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../bytes/hex.ts';
import { memoryDevice } from '../../storage/memory.ts';
import { verityBytes, writeVerity } from './verity.ts';

const sha256 = (...pieces: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
};

describe('the hashes of dm-verity', () => {
  it('of two levels are what veritysetup 2.6.1 writes', async () => {
    // Of 300 blocks, each of its own number: veritysetup format --salt 0102 --uuid 01234567-89ab-4cde-8f01-23456789abcd
    const data = new Uint8Array(300 * 4096);
    for (let n = 0; n < 300; n++) data.fill(n & 0xff, n * 4096, (n + 1) * 4096);
    const target = memoryDevice(verityBytes(data.length) / 512);
    const rootHash = await writeVerity({
      uuid: fromHex('0123456789ab4cde8f0123456789abcd'),
      salt: Uint8Array.of(1, 2),
      data: memoryDevice(data),
      target,
      sha256,
    });
    const device = new Uint8Array(verityBytes(data.length));
    target.read(0, device);
    expect(toHex(rootHash)).toBe('1f65315156301a8ff941960b0db2a92584851b087843d69a56411c85114e2807');
    expect(toHex(sha256(device))).toBe('b098b80407de2d955bf1e4515801d5f7185c2442d59bac204e2af0ae8bc1af10');
  });

  it('want a block for each 128, at each level, and one for the superblock', () => {
    const blocks = (data: number) => verityBytes(data * 4096) / 4096;
    expect([1, 128, 129, 128 * 128, 128 * 128 + 1].map(blocks)).toEqual([1, 2, 4, 130, 133]);
  });
});
