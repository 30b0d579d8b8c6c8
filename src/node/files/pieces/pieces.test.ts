/** Files in pieces: by every way that tools name them, found as one or told what lacks, and told from files that are none. */

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { samples } from '../../../../test/fakes/compressed-samples.ts';
import { dmgOf } from '../../../../test/fakes/dmg.ts';
import { fixtureDevice } from '../../../../test/fixtures/load.ts';
import { concat } from '../../../bytes/concat.ts';
import { BehindEndError } from '../../../storage/errors.ts';
import { diskToWrite } from '../disk-to-write.ts';
import { type ImageFile, openImageFile } from '../open-image-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const device = await fixtureDevice('ext4');
/** An ext4, which says how long it is. */
const disk = Buffer.alloc(device.sectors * 512);
device.read(0, disk);
const PIECE = Math.ceil(disk.length / 4 / 512) * 512;
const quarters = [0, 1, 2, 3].map((i) => disk.subarray(i * PIECE, (i + 1) * PIECE));
const packed = gzipSync(disk);
const packedPieces = [packed.subarray(0, 20_000), packed.subarray(20_000, 40_000), packed.subarray(40_000)];
const noise = Buffer.from(Array.from({ length: 65_536 }, (_, at) => (at * 7 + (at >> 8)) & 0xff));
/** Of which every piece has the two bytes of a minix where it would have its superblock. */
const inMarked = Buffer.alloc(200_000, Uint8Array.of(0x13, 0x7f));
const marked = gzipSync(inMarked, { level: 0 });
const markedPieces = [0, 1, 2, 3].map((i) => marked.subarray(i * 65_536, (i + 1) * 65_536));
/** Known by its end alone. */
const dmg = dmgOf([{ type: 1, sectors: 128, packed: noise }]);
/** What Info-ZIP puts before the first file of a zip in pieces. */
const zip = concat([Uint8Array.of(0x50, 0x4b, 7, 8), samples.zip]);
new DataView(zip.buffer).setUint16(zip.length - 18, 2, true); // the number of the disk that it ends on
const third = Math.ceil(zip.length / 3);
const zipPieces = [zip.subarray(0, third), zip.subarray(third, 2 * third), zip.subarray(2 * third)];
const inZip = Uint8Array.from({ length: 2 ** 20 }, (_, at) => at % 251);

/** The file of that name, in a folder with all of these. */
async function opened(files: Readonly<Record<string, Uint8Array>>, name: string): Promise<ImageFile> {
  const own = mkdtempSync(join(folder, 'case-'));
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(own, file), bytes);
  return openImageFile(join(own, name));
}

const named = (pieces: readonly Uint8Array[], ...names: readonly string[]) =>
  Object.fromEntries(names.map((name, i) => [name, pieces[i] ?? new Uint8Array(0)]));

const small = Array.from({ length: 12 }, (_, i) => disk.subarray((i * disk.length) / 12, ((i + 1) * disk.length) / 12));

it.each([
  ['d.raw.003', named(quarters, 'd.raw.001', 'd.raw.002', 'd.raw.003', 'd.raw.004'), disk],
  ['d.000', named(quarters, 'd.000', 'd.001', 'd.002', 'd.003'), disk],
  ['d.img.aa', named(quarters, 'd.img.aa', 'd.img.ab', 'd.img.ac', 'd.img.ad'), disk],
  ['d.img.partab', named(quarters, 'd.img.partaa', 'd.img.partab', 'd.img.partac', 'd.img.partad'), disk],
  ['d.part1', named(quarters, 'd.part1', 'd.part2', 'd.part3', 'd.part4', 'd.part1.txt'), disk],
  ['xac', named(quarters, 'xaa', 'xab', 'xac', 'xad'), disk],
  ['d-00', named(quarters, 'd-00', 'd-01', 'd-02', 'd-03'), disk],
  ['d.11', named(small, ...Array.from({ length: 12 }, (_, i) => `d.${i}`)), disk],
  ['d.gz.001', named(packedPieces, 'd.gz.001', 'd.gz.002', 'd.gz.003'), disk],
  ['d.gz.aa', named(markedPieces, 'd.gz.aa', 'd.gz.ab', 'd.gz.ac', 'd.gz.ad'), inMarked],
  ['d.dmg.aa', named([dmg.subarray(0, 40_000), dmg.subarray(40_000)], 'd.dmg.aa', 'd.dmg.ab'), dmg],
  ['d.zip', named(zipPieces, 'd.z01', 'd.z02', 'd.zip'), inZip],
] as const)('%s and those beside it are one file', async (name, files, whole) => {
  const image = await opened(files, name);
  const bytes = Buffer.alloc(image.sizeBytes);
  await image.read(0, bytes);
  await image.close();
  expect(image.cut).toBeUndefined();
  expect(bytes.equals(whole)).toBe(true);
});

it.each([
  ['d.002 is missing', 'd.001', named(quarters, 'd.001', 'x', 'd.003', 'd.004'), /d\.002 is not beside it$/, PIECE],
  [
    'd.002 is cut short',
    'd.001',
    named(
      [quarters[0], quarters[1]?.subarray(0, 1024), quarters[2], quarters[3]] as Buffer[],
      'd.001',
      'd.002',
      'd.003',
      'd.004',
    ),
    /d\.002 has 1,024 of the [\d,]+ bytes of a piece$/,
    PIECE + 1024,
  ],
  [
    'the last is missing',
    'd.001',
    named(quarters, 'd.001', 'd.002', 'd.003'),
    /first piece of a file, and d\.004 is not beside it$/,
    undefined,
  ],
  [
    'all but the first are',
    'd.aa',
    named(quarters, 'd.aa'),
    /first piece of a file, and d\.ab is not beside it$/,
    undefined,
  ],
  [
    'the first is',
    'd.002',
    named(quarters.slice(1), 'd.002', 'd.003'),
    /named as a later piece of a file, whose first, d\.001, is not beside it$/,
    undefined,
  ],
] as const)('%s, and it says so', async (_, name, files, cut, missingAt) => {
  const image = await opened(files, name);
  expect(image.cut).toMatch(cut);
  if (missingAt !== undefined) {
    const read = async (at: number) => {
      const bytes = Buffer.alloc(512);
      await image.read(at, bytes);
      return bytes;
    };
    await expect(read(missingAt)).rejects.toThrow(BehindEndError);
    const last = disk.length - 512;
    expect((await read(last)).equals(disk.subarray(last))).toBe(true);
  }
  await image.close();
});

it.each([
  ['versions of an image', named([disk, disk], 'd.1', 'd.2'), 'd.2', disk.length],
  ['packed versions of an image', named([packed, packed], 'd.gz.1', 'd.gz.2'), 'd.gz.1', disk.length],
  ['partitions', named([disk, noise], 'sda.part1', 'sda.part2'), 'sda.part1', disk.length],
  ['a disk with an ending of two letters', named([noise], 'd.dd'), 'd.dd', noise.length],
  ['a version without its first', named([disk], 'd.img.2'), 'd.img.2', disk.length],
] as const)('%s are files of their own', async (_, files, name, sizeBytes) => {
  const image = await opened(files, name);
  expect({ sizeBytes: image.sizeBytes, cut: image.cut }).toEqual({ sizeBytes, cut: undefined });
  await image.close();
});

it('is found by a link that leads to a piece', async () => {
  const own = mkdtempSync(join(folder, 'link-'));
  for (const [i, bytes] of quarters.entries()) writeFileSync(join(own, `d.00${i}`), bytes);
  symlinkSync(join(own, 'd.000'), join(folder, 'link'));
  const image = await openImageFile(join(folder, 'link'));
  await image.close();
  expect(image.sizeBytes).toBe(disk.length);
});

it('is not written', async () => {
  const image = await opened(named(quarters, 'd.aa', 'd.ab', 'd.ac', 'd.ad'), 'd.aa');
  await image.close();
  await expect(diskToWrite(image.path)).rejects.toMatchObject({ kind: 'read-only-device' });
});
