/** What differs from a lower device: the laws, what is kept and what is not, in memory and elsewhere. */

import { describe, expect, it } from 'vitest';
import { describeBlockDevice, read } from '../../../test/contract/block-device.ts';
import { SECTOR } from '../block-device.ts';
import { memoryDevice } from '../memory.ts';
import { changes, type Spill } from './changes.ts';

const MIB = 1 << 20;

function memorySpill() {
  const slots = new Map<number, Uint8Array>();
  let closed = 0;
  const spill: Spill = {
    write: async (slot, block) => void slots.set(slot, block.slice()),
    read: async (slot, into) => into.set(slots.get(slot) ?? new Uint8Array(0)),
    close: () => {
      closed += 1;
    },
  };
  return {
    spill: () => spill,
    slots,
    get closed() {
      return closed;
    },
  };
}

describeBlockDevice('changes in memory', { writable: true }, (image) => changes(memoryDevice(image), { memoryMib: 1 }));
describeBlockDevice('changes spilled', { writable: true }, (image) =>
  changes(memoryDevice(image), { memoryMib: 0.01, spill: memorySpill().spill, limitMib: 1 }),
);

describe('changes', () => {
  const lower = () => memoryDevice(new Uint8Array(4 * MIB).fill(7));

  it('keeps nothing of what is the same already, nor of what becomes the same again', async () => {
    const device = changes(lower(), { memoryMib: 0 });
    await device.write(0, new Uint8Array(2 * MIB).fill(7));
    expect(device.usedBytes).toBe(0);
    const some = changes(lower(), { memoryMib: 1 });
    await some.write(3, new Uint8Array(SECTOR));
    expect(some.usedBytes).toBe(4096);
    await some.write(3, new Uint8Array(SECTOR).fill(7));
    expect(some.usedBytes).toBe(0);
  });

  it('refuses more than its limit, with and without a place to spill to', async () => {
    const device = changes(lower(), { memoryMib: 1 });
    await expect(device.write(0, new Uint8Array(MIB + 4096))).rejects.toThrow('more than 1 MiB');
    const { spill } = memorySpill();
    const spilling = changes(lower(), { memoryMib: 1, spill, limitMib: 2 });
    await spilling.write(0, new Uint8Array(2 * MIB));
    await expect(spilling.write(8192 - 8, new Uint8Array(4096))).rejects.toThrow('more than 2 MiB');
    expect(new Set(await read(spilling, 0, 4096))).toEqual(new Set([0]));
    expect(new Set(await read(spilling, 4096, 4096))).toEqual(new Set([7]));
  });

  it('opens the place to spill to when memory is full, and closes it', async () => {
    const there = memorySpill();
    const device = changes(lower(), { memoryMib: 1, spill: there.spill, limitMib: 4 });
    await device.write(0, new Uint8Array(MIB));
    expect(there.slots.size).toBe(0);
    await device.write(2048, new Uint8Array(4096));
    expect(there.slots.size).toBe(1);
    await device.close();
    expect(there.closed).toBe(1);
  });
});
