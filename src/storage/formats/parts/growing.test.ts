/** A disk in a file that grows by blocks is what was written, and what was flushed when its writer is killed at any write. */

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../test/fakes/block-devices.ts';
import { KilledFile } from '../../../../test/fakes/killed-file.ts';
import { formatFile } from '../../../../test/fixtures/formats/file.ts';
import { type ByteSource, memorySource } from '../../byte-source.ts';
import { openDisk } from '../../open-disk.ts';

const images = ['dynamic.vhd', 'dynamic.vdi', 'fixed.vdi', 'disk.hdd', 'sparse.vmdk', 'plain.vhdx'];

/** Its flushes and discards count, too. */
class File extends KilledFile {
  flush() {
    this.count();
  }
  discard(offset: number, length: number) {
    this.count();
    this.bytes.fill(0, offset, offset + length);
  }
}

async function allOf({ content }: { readonly content: ByteSource }): Promise<Uint8Array> {
  const bytes = new Uint8Array(content.sizeBytes);
  for (let at = 0; at < bytes.length; at += 2 ** 20) await content.read(at, bytes.subarray(at, at + 2 ** 20));
  return bytes;
}
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(Buffer.from(b));

interface Done {
  /** As it is after all that was done, and as it was flushed last. */
  readonly model: Uint8Array;
  readonly durable: Uint8Array;
  /** Written or discarded since. */
  readonly loose: [number, number][];
}

async function changed(content: ByteSource, before: Uint8Array, seed: number): Promise<Done> {
  const random = seededRandom(seed);
  const done: Done = { model: before.slice(), durable: before.slice(), loose: [] };
  const { sizeBytes } = content;
  try {
    for (let step = 0; step < 60; step += 1) {
      const at = 512 * random(sizeBytes / 512);
      const length = Math.min(512 * (1 + random(step % 9 === 0 ? 6000 : 40)), sizeBytes - at);
      const kind = random(8);
      done.loose.push([at, length]);
      if (kind === 0) {
        await content.flush?.();
        done.durable.set(done.model);
        done.loose.length = 0;
      } else if (kind === 1) {
        await content.discard?.(at, length);
        await content.read(at, done.model.subarray(at, at + length));
      } else {
        const bytes = new Uint8Array(length).fill(kind === 2 ? 0 : 1 + random(255));
        await content.write?.(at, bytes);
        done.model.set(bytes, at);
      }
    }
    await content.flush?.();
    done.durable.set(done.model);
    done.loose.length = 0;
  } catch (cause) {
    if (!(cause instanceof Error && cause.message === 'killed')) throw cause;
  }
  return done;
}

describe.each(images)('%s', (name) => {
  it('is what was written, and is written again', async () => {
    const target = new File(await formatFile(name));
    for (const seed of [1, 2, 3]) {
      const disk = await openDisk(target);
      expect(disk.device.write).toBeDefined();
      const { model } = await changed(disk.content, await allOf(disk), seed);
      expect(isSame(await allOf(disk), model)).toBe(true);
      expect(isSame(await allOf(await openDisk(memorySource(target.bytes))), model)).toBe(true);
    }
  });

  it('killed at any write has all that was flushed, and is written again', async () => {
    const original = await formatFile(name);
    for (const writes of [0, 1, 2, 3, 4, 5, 6, 8, 11, 17, 29, 50, 80]) {
      const target = new File(original);
      const disk = await openDisk(target);
      const before = await allOf(disk);
      target.writes = writes;
      const { durable, loose } = await changed(disk.content, before, 7);
      const is = await allOf(await openDisk(memorySource(target.bytes)));
      for (const [at, length] of loose) durable.set(is.subarray(at, at + length), at);
      expect(isSame(is, durable)).toBe(true);
      target.writes = Number.POSITIVE_INFINITY;
      const again = await openDisk(target);
      const { model } = await changed(again.content, is, 8);
      expect(isSame(await allOf(await openDisk(memorySource(target.bytes))), model)).toBe(true);
    }
  });

  it('zeros into a block that is not there make none', async () => {
    const target = new File(await formatFile(name));
    const { content } = await openDisk(target);
    const { sizeBytes } = target;
    const before = await allOf({ content });
    const hole = before.findIndex(
      (_, at) => at % 65_536 === 0 && before.subarray(at, at + 65_536).every((b) => b === 0),
    );
    await content.write?.(hole, new Uint8Array(65_536));
    await content.flush?.();
    expect(target.sizeBytes).toBe(sizeBytes);
  });
});

it('a VMDK in several sparse files is what was written, and has another id', async () => {
  const [descriptor, extent] = [
    new File(await formatFile('split.vmdk')),
    new File(await formatFile('split-s001.vmdk')),
  ];
  const idOf = () => /^CID=\w+/m.exec(Buffer.from(descriptor.bytes).toString('latin1'))?.[0];
  const before = idOf();
  const open = () => openDisk(descriptor, { files: async (name) => (name === 'split-s001.vmdk' ? extent : undefined) });
  for (const seed of [1, 2]) {
    const disk = await open();
    expect(disk.device.write).toBeDefined();
    const { model } = await changed(disk.content, await allOf(disk), seed);
    expect(isSame(await allOf(await open()), model)).toBe(true);
  }
  expect(before).toMatch(/^CID=/);
  expect(idOf()).not.toBe(before);
  expect(idOf()).toHaveLength(before?.length ?? 0);
});

describe('dynamic.vdi', () => {
  it('whose count a kill left too high has the right one after the next write, also where that adds nothing', async () => {
    const target = new File(await formatFile('dynamic.vdi'));
    const count = () => new DataView(target.bytes.buffer).getUint32(388, true);
    const right = count();
    new DataView(target.bytes.buffer).setUint32(388, right + 1, true);
    const { content } = await openDisk(target);
    const sector = new Uint8Array(512);
    await content.read(0, sector);
    await content.write?.(0, sector);
    await content.flush?.();
    expect(count()).toBe(right);
  });
});

describe('what is not written', () => {
  /** Two blocks at one place: entries of the table are `bytes` at `at`. */
  it.each([
    ['dynamic.vhd', 1536, 4],
    ['dynamic.vdi', 512, 4],
  ] as const)('%s whose blocks lie in the same place', async (name, at, bytes) => {
    const target = new File(await formatFile(name));
    const table = new DataView(target.bytes.buffer);
    const used = [0, 1, 2, 3, 4, 5, 6, 7]
      .map((i) => at + bytes * i)
      .find((place) => table.getUint32(place) !== 0xffffffff);
    expect(used).toBeDefined();
    for (let i = 0; i < 8; i += 1) target.bytes.copyWithin(at + bytes * i, used ?? 0, (used ?? 0) + bytes);
    const disk = await openDisk(target);
    expect(disk.device.write).toBeUndefined();
    expect(disk.readOnly).toContain('same place');
  });

  it.each([
    ['child.vhd', 'changes to a parent'],
    ['child.vhdx', 'changes to a parent'],
    ['child.vmdk', 'changes to a parent'],
    ['stream.vmdk', 'compressed'],
    ['log.vhdx', 'log has to be replayed'],
  ])('%s: %s', async (name, why) => {
    const files = async (file: string) => memorySource(await formatFile(file.split('/').at(-1) ?? ''));
    const disk = await openDisk(new File(await formatFile(name)), { files });
    expect(disk.device.write).toBeUndefined();
    expect(disk.readOnly).toContain(why);
  });

  it('a Parallels disk that is in use', async () => {
    const target = new File(await formatFile('disk.hdd'));
    new DataView(target.bytes.buffer).setUint32(44, 0x746f6e59, true);
    expect((await openDisk(target)).readOnly).toContain('qemu-img check');
  });

  it('a Parallels disk whose clusters begin far behind its end: the file would be as long', async () => {
    const target = new File(await formatFile('disk.hdd'));
    new DataView(target.bytes.buffer).setUint32(48, 0xfffffff0, true);
    expect((await openDisk(target)).readOnly).toContain('behind the end');
  });

  it('a VHDX whose block lies on its table', async () => {
    const target = new File(await formatFile('plain.vhdx'));
    const view = new DataView(target.bytes.buffer);
    const bat = [192, 256].map((kib) => kib * 1024).flatMap((at) => [16, 48].map((entry) => at + entry));
    // The region whose id begins with 2dc27766 is the table.
    const entry = bat.find((at) => view.getUint32(at, true) === 0x2dc27766) ?? 0;
    const at = Number(view.getBigUint64(entry + 16, true));
    view.setBigUint64(at, (BigInt(at) & ~0xfffffn) | 6n, true);
    expect((await openDisk(target)).readOnly).toContain('something else');
  });

  it('more than the file can hold: ENOSPC, and the disk as it was', async () => {
    const target = new File(await formatFile('dynamic.vhd'));
    // The block that lies first in the file is none now: the next is behind the others.
    const table = new DataView(target.bytes.buffer, 1536);
    const entries = Array.from({ length: (await openDisk(target)).sizeBytes / 2 ** 21 }, (_, i) =>
      table.getUint32(4 * i),
    );
    const first = entries.indexOf(Math.min(...entries));
    table.setUint32(4 * first, 0xffffffff);
    const before = await allOf(await openDisk(memorySource(target.bytes)));
    const fixed: ByteSource = {
      sizeBytes: target.sizeBytes,
      read: (at, into) => target.read(at, into),
      write: (at, from) => target.write(at, from),
    };
    const { content } = await openDisk(fixed);
    const some = new Uint8Array(512).fill(1);
    await expect(content.write?.(first * 2 ** 21, some)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(isSame(await allOf(await openDisk(memorySource(target.bytes))), before)).toBe(true);
  });
});
