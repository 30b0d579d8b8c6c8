import { expect, it } from 'vitest';
import type { ImageReport } from '../image/mounted-image.ts';
import { memoryDevice } from '../storage/memory.ts';
import { findVolume } from './find-volume.ts';

it.each(['crypto_LUKS', 'LVM2_member', 'linux_raid_member', 'BitLocker'])(
  'what lies in a %s is not worked on, which is said',
  async (type) => {
    const device = memoryDevice(2048);
    const content = { type, label: undefined, uuid: undefined };
    const report = { sizeBytes: 2 ** 20, partitions: [], content } as unknown as ImageReport;
    const finding = findVolume(device, report, { can: () => true });
    await expect(finding).rejects.toMatchObject({
      kind: 'unknown-file-system',
      message: expect.stringContaining(type),
    });
  },
);
