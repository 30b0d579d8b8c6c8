/** What an encoder of the same description writes is undone to the same bytes, and whatever else ends in an error. */

import { describe, expect, it } from 'vitest';
import { randomBytes, seededRandom } from '../../../../../test/fakes/block-devices.ts';
import { dmgOf } from '../../../../../test/fakes/dmg.ts';
import { type LzfseBlock, lzfse } from '../../../../../test/fakes/lzfse.ts';
import { memorySource } from '../../../byte-source.ts';
import { openDisk } from '../../../open-disk.ts';
import { unlzfse } from './lzfse.ts';

const random = seededRandom(7);

/** Words, runs, noise, and what was there long before: all lengths and distances occur. */
function text(bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  const words = Array.from({ length: 60 }, () => randomBytes(1 + random(12), random));
  for (let at = 0; at < bytes; ) {
    const kind = random(100);
    let piece = words[random(words.length)] ?? new Uint8Array(1);
    if (kind < 3) piece = new Uint8Array(random(5000)).fill(kind * 80);
    else if (kind < 6) piece = randomBytes(random(900), random);
    else if (kind < 12) {
      const from = random(at + 1);
      piece = out.slice(from, from + random(400));
    }
    out.set(piece.subarray(0, bytes - at), at);
    at += piece.length;
  }
  return out;
}

describe('a stream of LZFSE', () => {
  it.each<[string, readonly LzfseBlock[]]>([
    ['blocks as they are', ['plain']],
    ['LZVN', ['lzvn']],
    ['entropy-coded blocks', ['fse']],
    ['their first form', ['fse-old']],
    ['all of them', ['lzvn', 'fse', 'plain', 'fse-old']],
  ])('of %s is undone', (_name, kinds) => {
    for (const bytes of [text(200_000), text(37), new Uint8Array(150_000), randomBytes(90_000, random)])
      expect(Buffer.from(unlzfse(lzfse(bytes, kinds), bytes.length)).equals(bytes)).toBe(true);
  });

  it('of nothing is nothing', () => {
    expect(unlzfse(lzfse(new Uint8Array(0), ['fse']), 10)).toHaveLength(0);
  });

  it('ends in an error, or in no more than it may, whatever is wrong with it', () => {
    const bytes = text(30_000);
    const outcomes = new Set<string>();
    for (const kind of ['lzvn', 'fse', 'fse-old', 'plain'] as const) {
      const packed = lzfse(bytes, [kind]);
      for (let round = 0; round < 300; round += 1) {
        const damaged = packed.slice(0, round % 3 === 0 ? random(packed.length) : packed.length);
        const head = round % 2 === 0 ? 400 : damaged.length;
        for (let i = 0; i <= round % 4; i += 1) damaged[random(Math.min(head, damaged.length) || 1)] = random(256);
        try {
          expect(unlzfse(damaged, bytes.length).length).toBeLessThanOrEqual(bytes.length);
          outcomes.add('bytes');
        } catch (cause) {
          expect(cause).toBeInstanceOf(Error);
          expect(cause).not.toBeInstanceOf(RangeError);
          expect(cause).not.toBeInstanceOf(TypeError);
          outcomes.add(`${(cause as Error).message}`.replace(/\d+/, 'N'));
        }
      }
    }
    expect([...outcomes]).toEqual(
      expect.arrayContaining([
        'it ends too early',
        'it looks back to before its beginning',
        'it unpacks to more than N bytes',
      ]),
    );
  });
});

it('a DMG of LZFSE is read; one of its chunks that is damaged is an error, the others are read', async () => {
  const disk = text(4 * 65_536);
  const chunks = [0, 1, 2, 3].map((i) => ({
    type: 0x80000007,
    sectors: 128,
    packed: lzfse(disk.subarray(i * 65_536, (i + 1) * 65_536), [i % 2 === 0 ? 'fse' : 'lzvn'], 30_000),
  }));
  const read = async (file: Uint8Array, at: number) => {
    const { format, content } = await openDisk(memorySource(file));
    expect(format).toBe('dmg');
    const bytes = new Uint8Array(65_536);
    await content.read(at, bytes);
    return Buffer.from(bytes).equals(disk.subarray(at, at + bytes.length));
  };
  expect(await read(dmgOf(chunks), 0)).toBe(true);
  expect(await read(dmgOf(chunks), 100_000)).toBe(true);
  const damaged = dmgOf(chunks);
  damaged.fill(0xff, 50, 400);
  await expect(read(damaged, 0)).rejects.toMatchObject({
    code: 'EUCLEAN',
    message: expect.stringMatching(/^dmg: a compressed chunk is damaged: /),
  });
  expect(await read(damaged, 65_536)).toBe(true);
});
