/** Images that were cut short: what is behind the end is an error, and never zeros. */

import { afterEach, describe, expect, it } from 'vitest';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { mount } from '../../../src/kernel/syscalls/mount.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { type Entry, fixtureDevice, fixtureListing } from '../../fixtures/load.ts';
import { restoredKernel } from '../restored.ts';
import { readAll } from './tasks.ts';

const MS_RDONLY = 1;
const EIO = -5;
let kernel: Kernel | undefined;
afterEach(() => kernel?.kill());

/** A kernel with so many sectors of the image mounted at /mnt, or undefined where that is refused. */
async function mounted(bytes: Uint8Array, type: string): Promise<Kernel | undefined> {
  kernel?.kill();
  kernel = restoredKernel();
  await kernel.attachDisk(memoryDevice(bytes));
  const ret = await mount(kernel.init, '/dev/vda', '/mnt', type, MS_RDONLY);
  return ret === 0 ? kernel : undefined;
}

async function imageBytes(name: string): Promise<Uint8Array> {
  const device = await fixtureDevice(name);
  const bytes = new Uint8Array(device.sectors * 512);
  await device.read(0, bytes);
  return bytes;
}

describe.each([
  ['iso9660', 'iso9660'],
  ['iso9660-rock-ridge', 'iso9660'],
  ['iso9660-joliet', 'iso9660'],
  ['udf', 'udf'],
  ['vfat32', 'vfat'],
  ['minix3', 'minix'],
])('%s', (name, type) => {
  it('each file of an image cut short is right, or ends in an error', async () => {
    const bytes = await imageBytes(name);
    const files = (await fixtureListing(name)).filter(
      (entry): entry is Entry =>
        !('error' in entry) && entry.type === 'file' && (entry.size ?? 0) > 0 && (entry.size ?? 0) < 1 << 20,
    );
    const path = (entry: Entry) => new Uint8Array([...new TextEncoder().encode('/mnt/'), ...entry.path]);
    const whole = await mounted(bytes, type);
    if (!whole) throw new Error(`${name} does not mount`);
    const right = new Map<Entry, Uint8Array>();
    for (const entry of files) {
      const content = await readAll(whole.init, path(entry));
      if (content instanceof Uint8Array) right.set(entry, content);
    }
    expect(right.size).toBeGreaterThan(0);

    let failed = 0;
    const PLACES = 12;
    for (let place = 1; place < PLACES; place++) {
      // In whole sectors, and not on a page or a block of 2048 bytes each time.
      const sectors = Math.floor((bytes.length / 512) * (place / PLACES)) | 1;
      const cut = await mounted(bytes.subarray(0, sectors * 512), type);
      if (!cut) continue;
      for (const [entry, content] of right) {
        const found = await readAll(cut.init, path(entry));
        if (typeof found === 'number') {
          failed++;
          continue;
        }
        if (Buffer.compare(Buffer.from(found), Buffer.from(content)) !== 0)
          throw new Error(`cut to ${sectors} sectors, ${new TextDecoder().decode(entry.path)} has other bytes`);
      }
    }
    expect(failed).toBeGreaterThan(0);
  });
});

it('the pages before the cut are there, the page that it goes through is EIO', async () => {
  const bytes = await imageBytes('iso9660');
  const whole = await mounted(bytes, 'iso9660');
  const content = whole && (await readAll(whole.init, '/mnt/dir/deeper/data.bin'));
  if (!(content instanceof Uint8Array)) throw new Error('the fixture has another tree');
  const start = Buffer.from(bytes).indexOf(content.subarray(0, 2048));
  const cut = await mounted(bytes.subarray(0, start + 40_960 + 512), 'iso9660');
  if (!cut) throw new Error('not mounted');
  expect(await readAll(cut.init, '/mnt/dir/deeper/data.bin')).toBe(EIO);
});
