/** The memory device: the laws, and that it answers at once. */

import { describe, expect, it } from 'vitest';
import { describeBlockDevice, read } from '../../test/contract/block-device.ts';
import { SECTOR } from './block-device.ts';
import { memoryDevice } from './memory.ts';

describeBlockDevice('memory over shared bytes', { writable: false }, (image) => memoryDevice(image));

describeBlockDevice('memory', { writable: true }, (image) => {
  const device = memoryDevice(Math.ceil(image.length / SECTOR));
  const padded = new Uint8Array(device.sectors * SECTOR);
  padded.set(image);
  device.write(0, padded);
  return device;
});

describe('memory', () => {
  it('answers without a promise', () => {
    const device = memoryDevice(2);
    const sector = new Uint8Array(SECTOR);
    expect(device.write(1, sector)).toBeUndefined();
    expect(device.read(0, sector)).toBeUndefined();
    expect(device.discard(0, 2)).toBeUndefined();
  });

  it('shares the bytes it is given', async () => {
    const image = new Uint8Array(700);
    const device = memoryDevice(image);
    image[699] = 7;
    expect((await read(device, 1, 1))[699 - SECTOR]).toBe(7);
  });
});
