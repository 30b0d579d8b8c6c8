/** Files that begin as compressed ones: which of them are, and what is said of the others where they come as a stream. */

import { describe, expect, it } from 'vitest';
import { bzip2Sectors, dmgOf } from '../../../test/fakes/dmg.ts';
import { portableDecoders } from '../../archive/decoders/portable.ts';
import { decompress } from '../../archive/decompress.ts';
import { concat } from '../../bytes/concat.ts';
import { memorySource } from '../byte-source.ts';
import { openDisk } from '../open-disk.ts';
import { compressionOf } from './compression-of.ts';

const [a, b] = bzip2Sectors;

const unused = () => {
  throw new Error('unused');
};
const decoders = {
  ...portableDecoders({ inflateRaw: unused, xz: unused, zstd: unused, maxHeldBytes: 0 }),
  gzip: unused,
  zstd: unused,
  xz: unused,
};

describe('an Apple disk image whose first piece is a bzip2 of its own', () => {
  const dmg = dmgOf([
    { type: 0x80000006, sectors: 1, packed: a ?? new Uint8Array(0) },
    { type: 0, sectors: 2, packed: new Uint8Array(0) },
    { type: 0x80000006, sectors: 1, packed: b ?? new Uint8Array(0) },
  ]);

  it('is no bzip2, and the zeros between its pieces are there', async () => {
    expect(await compressionOf(memorySource(a ?? dmg))).toBe('bzip2');
    expect(await compressionOf(memorySource(dmg))).toBeUndefined();
    const { format, content } = await openDisk(memorySource(dmg));
    const bytes = new Uint8Array(2048);
    await content.read(0, bytes);
    expect([format, content.sizeBytes, bytes[511], bytes[512], bytes[1535], bytes[1536]]).toEqual([
      'dmg',
      2048,
      97,
      0,
      0,
      98,
    ]);
  });

  it('is told by its end alone where it may be one: of other files one place is read', async () => {
    const reads = async (head: Uint8Array) => {
      const file = memorySource(concat([head, new Uint8Array(10_000)]));
      let count = 0;
      const read = (at: number, into: Uint8Array) => {
        count += 1;
        return file.read(at, into);
      };
      await compressionOf({ ...file, read });
      return count;
    };
    const gzip = Uint8Array.of(0x1f, 0x8b, 8);
    expect(await Promise.all([new Uint8Array(1), gzip, a ?? gzip].map(reads))).toEqual([1, 1, 2]);
  });

  it('is told from a stream, never undone as what it is not', async () => {
    const undo = async () => {
      for await (const _ of decompress(
        'bzip2',
        (async function* () {
          yield* [dmg.subarray(0, 100), dmg.subarray(100)];
        })(),
        decoders,
      ));
    };
    await expect(undo()).rejects.toThrow(/^not readable as bzip2: it is an Apple disk image \(DMG\)/);
  });
});
