/** Writes that wait: the laws of a device before and after it is settled, the order in which they arrive, and where they wait. */

import { describe, expect, it } from 'vitest';
import { describeBlockDevice, read } from '../../../test/contract/block-device.ts';
import { type BlockDevice, SECTOR } from '../block-device.ts';
import { memoryDevice } from '../memory.ts';
import { overlay } from './overlay.ts';
import { staged } from './staged.ts';

describeBlockDevice('staged', { writable: true }, (image) => staged(overlay(memoryDevice(image)), { memoryMib: 64 }));
describeBlockDevice('settled', { writable: true }, async (image) => {
  const device = staged(overlay(memoryDevice(image)), { memoryMib: 64 });
  await device.settle();
  return device;
});

/** A device that tells what is done to it. */
function watched(sectors: number) {
  const memory = memoryDevice(sectors);
  const done: string[] = [];
  const device: BlockDevice = {
    sectors,
    read: memory.read,
    write(sector, from) {
      done.push(`${sector}+${from.length / SECTOR}=${from[0]}`);
      memory.write(sector, from);
    },
    flush: () => void done.push('flush'),
  };
  return { device, done };
}
const filled = (byte: number, sectors = 8) => new Uint8Array(sectors * SECTOR).fill(byte);

describe('staged', () => {
  it('writes nothing before it is settled, then all in the order between flushes', async () => {
    const { device, done } = watched(64);
    const stage = staged(device, { memoryMib: 1 });
    await stage.write?.(0, filled(1));
    await stage.flush?.();
    await stage.write?.(8, filled(2));
    await stage.flush?.();
    await stage.flush?.();
    await stage.write?.(0, filled(3));
    expect(await read(stage, 0, 1)).toEqual(filled(3, 1));
    expect(done).toEqual([]);
    await stage.settle();
    expect(done).toEqual(['0+8=1', 'flush', '8+8=2', 'flush', '0+8=3']);
    await stage.write?.(16, filled(4));
    await stage.flush?.();
    expect(done.slice(5)).toEqual(['16+8=4', 'flush']);
  });

  it('does not keep what is there already, and keeps what becomes that again', async () => {
    const { device, done } = watched(64);
    const stage = staged(device, { memoryMib: 0.005 });
    await stage.write?.(8, filled(0, 48));
    await stage.write?.(0, filled(1));
    await stage.write?.(0, filled(0));
    await stage.settle();
    expect(done).toEqual(['0+8=0']);
  });

  it('more than the limit is refused, unless there is where to spill it', async () => {
    const small = staged(watched(64).device, { memoryMib: 0.01 });
    await expect(small.write?.(0, filled(1, 64))).rejects.toThrow('more than 0.01 MiB');
    const slots = new Map<number, Uint8Array>();
    let closed = false;
    const { device, done } = watched(64);
    const stage = staged(device, {
      memoryMib: 0.01,
      limitMib: 1,
      spill: () => ({
        write: (slot, block) => void slots.set(slot, block.slice()),
        read: (slot, into) => into.set(slots.get(slot) ?? new Uint8Array(0)),
        close: () => {
          closed = true;
        },
      }),
    });
    await stage.write?.(0, filled(5, 64));
    expect(slots.size).toBe(6);
    expect(await read(stage, 0, 64)).toEqual(filled(5, 64));
    await stage.settle();
    expect(done).toHaveLength(8);
    expect(closed).toBe(true);
  });

  it('closed before it is settled it leaves no trace', async () => {
    const { device, done } = watched(8);
    const stage = staged(device, { memoryMib: 1 });
    await stage.write?.(0, filled(1));
    await stage.close();
    expect(done).toEqual([]);
  });
});
