/** Images as people name them: files, pipes, compressed ones, and what is none. */

import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bzip2Sectors, dmgOf } from '../../../test/fakes/dmg.ts';
import { ImageChangedError, ReadFailedError } from '../../storage/errors.ts';
import { fileSource } from './file-source.ts';
import { openImageFile } from './open-image-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
const file = (name: string) => join(folder, name);
const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff));
/** Two runs of data around a hole that no chunk of a decoder has whole. */
const sparse = Buffer.concat([Buffer.alloc(70_000, 'a'), Buffer.alloc(5_000_000), Buffer.from('end')]);

beforeAll(() => {
  writeFileSync(file('raw'), content);
  writeFileSync(file('sparse'), sparse);
  writeFileSync(file('empty'), '');
  writeFileSync(file('sparse.zst'), zstdCompressSync(sparse));
  execFileSync('gzip', ['-k', file('sparse')]);
  execFileSync('xz', ['-k', '--check=crc64', file('sparse')]);
  writeFileSync(file('cut.zst'), zstdCompressSync(sparse).subarray(0, -5));
  const damaged = gzipSync(sparse);
  damaged.fill(0, damaged.length - 8, damaged.length - 4);
  writeFileSync(file('damaged.gz'), damaged);
  writeFileSync(file('empty.zst'), zstdCompressSync(Buffer.alloc(0)));
  mkdirSync(file('folder'));
  execFileSync('mkfifo', [file('fifo')]);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function bytesOf(path: string): Promise<Buffer> {
  await using source = await openImageFile(path);
  const bytes = Buffer.alloc(source.sizeBytes);
  await source.read(0, bytes);
  return bytes;
}

describe('image files', () => {
  it('a plain file is read where it lies, at once', async () => {
    await using source = await openImageFile(file('raw'));
    expect(source).toMatchObject({ sizeBytes: content.length, compression: undefined, spooled: false });
    const into = new Uint8Array(1000);
    expect(source.read(250_001, into)).toBeUndefined();
    expect(content.subarray(250_001, 251_001).equals(into)).toBe(true);
    expect(() => source.read(content.length - 1, new Uint8Array(2))).toThrow(RangeError);
  });

  it.each(['gz', 'xz', 'zst'])('%s is undone', async (suffix) => {
    const temporary = mkdtempSync(file('tmp-'));
    vi.stubEnv('TMPDIR', temporary);
    expect((await bytesOf(file(`sparse.${suffix}`))).equals(sparse)).toBe(true);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it.each(['raw', 'sparse.zst'])('a fifo is spooled: %s', async (name) => {
    const writer = spawn('sh', ['-c', `cat ${file(name)} > ${file('fifo')}`]);
    expect((await bytesOf(file('fifo'))).equals(name === 'raw' ? content : sparse)).toBe(true);
    writer.kill();
  });

  it('a fifo whose first bytes are a bzip2 or an xz is that, or a DMG of such pieces, as its end says', async () => {
    const temporary = mkdtempSync(file('tmp-'));
    vi.stubEnv('TMPDIR', temporary);
    for (const [type, program] of [
      [0x80000006, 'bzip2'],
      [0x80000008, 'xz'],
    ] as const) {
      const packed = (bytes: Buffer) => execFileSync(program, ['-c'], { input: bytes });
      const pieces = ['a', 'b'].map((letter) => packed(Buffer.alloc(65_536, letter)));
      const dmg = dmgOf(pieces.map((piece) => ({ type, sectors: 128, packed: piece })));
      writeFileSync(file('pieces'), Buffer.concat(pieces));
      writeFileSync(file('dmg'), dmg);
      writeFileSync(file('nothing-in-it'), packed(Buffer.alloc(0)));
      const fromFifo = async (name: string) => {
        const writer = spawn('sh', ['-c', `cat ${file(name)} > ${file('fifo')}`]);
        try {
          await using source = await openImageFile(file('fifo'));
          const bytes = Buffer.alloc(source.sizeBytes);
          await source.read(0, bytes);
          return { compression: source.compression, bytes };
        } finally {
          writer.kill();
        }
      };
      const undone = await fromFifo('pieces');
      expect([undone.compression, undone.bytes.length, undone.bytes.at(-1)]).toEqual([program, 131_072, 98]);
      const whole = await fromFifo('dmg');
      expect([whole.compression, whole.bytes.equals(dmg)]).toEqual([undefined, true]);
      await expect(fromFifo('nothing-in-it')).rejects.toMatchObject({ code: 'ENODATA' });
    }
    expect(readdirSync(temporary)).toEqual([]);
    vi.unstubAllEnvs();
  });

  it('a DMG of bzip2 pieces in a gzip is the DMG', async () => {
    const dmg = dmgOf(bzip2Sectors.map((packed) => ({ type: 0x80000006, sectors: 1, packed })));
    writeFileSync(file('dmg.gz'), gzipSync(dmg));
    expect((await bytesOf(file('dmg.gz'))).equals(dmg)).toBe(true);
  });

  it.each([
    ['folder', { code: 'EISDIR', message: `${file('folder')} is a directory` }],
    ['empty', { code: 'ENODATA', message: `${file('empty')} is empty` }],
    ['empty.zst', { code: 'ENODATA', message: `${file('empty.zst')} is empty` }],
    ['nothing', { code: 'ENOENT', path: file('nothing'), syscall: 'open' }],
    ['damaged.gz', { kind: 'bad-compression' }],
  ])('%s is no image, and says so', async (name, error) => {
    await expect(openImageFile(file(name))).rejects.toMatchObject(error);
  });

  it('what is compressed and cut short is there as far as it goes, and says so', async () => {
    await using source = await openImageFile(file('cut.zst'));
    expect(source.cut).toMatch(
      /^the zstd is not whole \(unexpected end of file\): [\d,]+ bytes of what is in it are there$/,
    );
    const bytes = new Uint8Array(source.sizeBytes);
    await source.read(0, bytes);
    expect(sparse.subarray(0, bytes.length).equals(bytes)).toBe(true);
  });

  it('a temporary folder that is not there is named', async () => {
    vi.stubEnv('TMPDIR', '/nonexistent');
    await expect(openImageFile(file('sparse.gz'))).rejects.toThrow(
      `${file('sparse.gz')} has to be kept in a file while it is read: the temporary folder /nonexistent does not exist (TMPDIR names it)`,
    );
    vi.unstubAllEnvs();
  });
});

describe('file source', () => {
  it('a file that is written to or replaced by another time is no longer the one that was opened', async () => {
    writeFileSync(file('changing'), content);
    await using source = fileSource(file('changing'));
    source.checkUnchanged();
    utimesSync(file('changing'), 1, 2);
    expect(() => source.checkUnchanged()).toThrow(ImageChangedError);
    const failure = () => {
      try {
        source.read(0, new Uint8Array(1));
        return undefined;
      } catch (cause) {
        return cause;
      }
    };
    await expect.poll(failure).toBeInstanceOf(ImageChangedError);
  });

  it('a file that was cut short gives an error, never zeros', async () => {
    writeFileSync(file('cut'), content);
    await using source = fileSource(file('cut'));
    truncateSync(file('cut'), 1000);
    expect(() => source.read(999, new Uint8Array(2))).toThrow(ImageChangedError);
    appendFileSync(file('cut'), 'x');
  });

  it('is not read once closed', async () => {
    const source = fileSource(file('raw'));
    await source.close();
    await source.close();
    expect(() => source.read(0, new Uint8Array(1))).toThrow(ReadFailedError);
  });

  it('reads that answer at once let others have a turn', async () => {
    await using source = fileSource(file('raw'));
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
    }, 1);
    const into = new Uint8Array(65_536);
    // As long as it takes: what is asked for is that it comes to an end at all.
    while (turns < 3) await source.read(0, into);
    clearInterval(ticking);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});
