/** qcow2 images that QEMU made, written at random and cut off anywhere: against an array of bytes, and counted by hand. */

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../../test/fakes/block-devices.ts';
import { KilledFile } from '../../../../../test/fakes/killed-file.ts';
import { formatFile } from '../../../../../test/fixtures/formats/file.ts';
import { type ByteSource, memorySource } from '../../../byte-source.ts';
import { openDisk } from '../../../open-disk.ts';

const images = [
  'v3.qcow2',
  'v2.qcow2',
  'c512.qcow2',
  'zlib.qcow2',
  'zstd.qcow2',
  'snap.qcow2',
  'middle.qcow2',
  'sub.qcow2',
];
const files = async (name: string) => memorySource(await formatFile(name.split('/').at(-1) ?? ''));

async function allOf({ content }: { readonly content: ByteSource }): Promise<Uint8Array> {
  const bytes = new Uint8Array(content.sizeBytes);
  for (let at = 0; at < bytes.length; at += 2 ** 20) await content.read(at, bytes.subarray(at, at + 2 ** 20));
  return bytes;
}
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(Buffer.from(b));

/** What is counted and what is there: references that are not counted, and counts without a reference. */
function counted(bytes: Uint8Array): { readonly missing: number; readonly leaked: number } {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u64 = (at: number) => Number(data.getBigUint64(at) & 0x00ff_ffff_ffff_fe00n);
  const clusterBits = data.getUint32(20);
  const cluster = 2 ** clusterBits;
  /** Extended entries, with subclusters. */
  const entryBytes = data.getUint32(4) === 3 && data.getUint32(76) & 16 ? 16 : 8;
  const references = new Map<number, number>();
  const refer = (at: number, length = cluster) => {
    for (let one = Math.floor(at / cluster); one * cluster < at + length; one += 1)
      references.set(one, (references.get(one) ?? 0) + 1);
  };
  const table = (at: number, entries: number) => {
    refer(at, 8 * entries);
    for (let i = 0; i < entries; i += 1) {
      const l2 = u64(at + 8 * i);
      if (l2 === 0) continue;
      refer(l2);
      for (let entry = l2; entry < l2 + cluster; entry += entryBytes) {
        const value = data.getBigUint64(entry);
        const shift = BigInt(62 - (clusterBits - 8));
        if ((value >> 62n) & 1n) {
          const start = Number(value & ((1n << shift) - 1n));
          const end = (Math.floor(start / 512) + Number((value & ((1n << 62n) - 1n)) >> shift) + 1) * 512;
          refer(start, end - start);
        } else if (u64(entry) !== 0) refer(u64(entry));
      }
    }
  };
  refer(0);
  table(u64(40), data.getUint32(36));
  let snapshot = u64(64);
  if (data.getUint32(60) > 0) {
    const first = snapshot;
    for (let i = 0; i < data.getUint32(60); i += 1) {
      table(u64(snapshot), data.getUint32(snapshot + 8));
      const more = data.getUint16(snapshot + 12) + data.getUint16(snapshot + 14) + data.getUint32(snapshot + 36);
      snapshot += Math.ceil((40 + more) / 8) * 8;
    }
    refer(first, snapshot - first);
  }
  const bits = data.getUint32(4) === 2 ? 16 : 2 ** data.getUint32(96);
  if (bits !== 16) throw new Error('counts of another width');
  const [counts, clusters] = [u64(48), data.getUint32(56)];
  refer(counts, clusters * cluster);
  for (let at = counts; at < counts + clusters * cluster; at += 8) if (u64(at) !== 0) refer(u64(at));
  const result = { missing: 0, leaked: 0 };
  for (let one = 0; one * cluster < bytes.length; one += 1) {
    const block = u64(counts + 8 * Math.floor((one * 16) / (8 * cluster)));
    const count = block === 0 ? 0 : data.getUint16(block + ((2 * one) % cluster));
    const wanted = references.get(one) ?? 0;
    result.missing += Math.max(0, wanted - count);
    result.leaked += Math.max(0, count - wanted);
  }
  return result;
}

/** Random writes, discards and flushes; answers what the disk shows, what is durable of it, and what may have changed since. */
async function changed(content: ByteSource, before: Uint8Array, seed: number) {
  const below = seededRandom(seed);
  const model = before.slice();
  const state = { model, durable: before.slice(), loose: [] as [number, number][], killed: false };
  try {
    for (let i = 0; i < 60; i += 1) {
      const at = below(model.length);
      const length = Math.min(model.length - at, 1 + below(below(4) ? 9000 : 200_000));
      const what = below(8);
      if (what === 0) {
        await content.flush?.();
        state.durable.set(model);
        state.loose.length = 0;
        continue;
      }
      state.loose.push([at, length]);
      if (what === 1) {
        await content.discard?.(at, length);
        await content.read(at, model.subarray(at, at + length));
      } else {
        const bytes = new Uint8Array(length).fill(1 + below(255));
        await content.write?.(at, bytes);
        model.set(bytes, at);
      }
    }
    await content.flush?.();
    state.durable.set(model);
    state.loose.length = 0;
  } catch (cause) {
    if (!(cause instanceof Error && cause.message === 'killed')) throw cause;
    state.killed = true;
  }
  return state;
}

describe.each(images)('%s', (name) => {
  it('is what was written, with each reference counted, and its snapshots as they were', async () => {
    const original = await formatFile(name);
    for (const seed of [1, 2]) {
      const target = new KilledFile(original);
      const disk = await openDisk(target, { files });
      expect(disk.device.write).toBeDefined();
      const { model } = await changed(disk.content, await allOf(disk), seed);
      expect(isSame(await allOf(disk), model)).toBe(true);
      const again = await openDisk(memorySource(target.bytes), { files });
      expect(isSame(await allOf(again), model)).toBe(true);
      expect(counted(target.bytes)).toEqual({ missing: 0, leaked: 0 });
      for (const { name: snapshot } of disk.choices) {
        const was = await allOf(await openDisk(memorySource(original), { files, snapshot }));
        const is = await allOf(await openDisk(memorySource(target.bytes), { files, snapshot }));
        expect(isSame(is, was)).toBe(true);
      }
    }
  });

  it('cut off after any write it has all that was flushed, and no reference that is not counted', async () => {
    const original = await formatFile(name);
    for (const writes of [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144]) {
      const target = new KilledFile(original);
      const disk = await openDisk(target, { files });
      expect(disk.device.write).toBeDefined();
      const before = await allOf(disk);
      target.writes = writes;
      const { durable, loose } = await changed(disk.content, before, 7);
      const is = await allOf(await openDisk(memorySource(target.bytes), { files }));
      for (const [at, length] of loose) durable.set(is.subarray(at, at + length), at);
      expect(isSame(is, durable)).toBe(true);
      expect(counted(target.bytes).missing).toBe(0);
    }
  });
});

it('is whole where its file ends behind the last subcluster that has data, as QEMU leaves it', async () => {
  const target = new KilledFile(await formatFile('sub.qcow2'));
  const head = new DataView(target.bytes.buffer);
  // Of the last cluster the disk now has all, the file a part.
  head.setBigUint64(24, head.getBigUint64(24) + 65_536n);
  const disk = await openDisk(target, { files });
  expect(disk.device.write).toBeDefined();
  expect((await allOf(disk)).subarray(-65_536).every((byte) => byte === 0)).toBe(true);
});

describe('what is not written', () => {
  it.each([
    ['v3.qcow2', 'did not finish', (head: DataView) => head.setUint32(76, head.getUint32(76) | 1)],
    ['v3.qcow2', 'marked as damaged', (head: DataView) => head.setUint32(76, head.getUint32(76) | 2)],
    ['v3.qcow2', 'bitmaps', (head: DataView) => head.setUint32(92, 1)],
  ] as const)('%s: %s', async (name, why, change) => {
    const target = new KilledFile(await formatFile(name));
    change(new DataView(target.bytes.buffer));
    const disk = await openDisk(target, { files });
    expect(disk.device.write).toBeUndefined();
    expect(disk.readOnly).toContain(why);
  });

  it('a snapshot', async () => {
    const [snapshot] = (await openDisk(new KilledFile(await formatFile('snap.qcow2')))).choices;
    const disk = await openDisk(new KilledFile(await formatFile('snap.qcow2')), { snapshot: snapshot?.name });
    expect(disk.readOnly).toContain('a snapshot');
  });

  it('a file that cannot become longer is full, and stays as it was', async () => {
    const original = await formatFile('v3.qcow2');
    const target = new KilledFile(original);
    const disk = await openDisk(
      {
        sizeBytes: target.sizeBytes,
        read: (at, into) => target.read(at, into),
        write: (at, from) => target.write(at, from),
      },
      { files },
    );
    const { sizeBytes } = disk.content;
    await expect(disk.content.write?.(0, new Uint8Array(sizeBytes).fill(1))).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});
