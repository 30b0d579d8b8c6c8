/** What LKL's own disk test does with a fresh file system, by its names, as batches. */

import { describe, expect, it } from 'vitest';
import { call, play } from './kernel.ts';

describe('LKL disk', () => {
  it.each(['ext4', 'btrfs', 'vfat32', 'xfs'])('%s', async (image) => {
    const type = image.replace(/32$/, '');
    const { results } = await play({
      commandLine: 'loglevel=8',
      memoryMib: 32,
      // disk_add, start_kernel, and at the end stop_kernel and disk_remove are the kernel's life here.
      disks: [{ image, readOnly: false }],
      onError: 'stop',
      calls: [
        call('mkdir', '/mnt/disk', 0o700),
        { ...call('mount', '/dev/vda', '/mnt/disk', type, 0, null), as: 'mount_dev' },
        call('chdir', '/mnt/disk'),
        { ...call('open', '.', 'O_RDONLY|O_DIRECTORY', 0), as: 'opendir' },
        call('getdents64', { ref: 'opendir' }, { out: 4096, type: 'linux_dirent64' }, 4096),
        call('close', { ref: 'opendir' }),
        call('chdir', '/'),
        call('umount2', '/mnt/disk', 0),
        { ...call('mount', '/dev/vda', '/mnt/disk', type, 'MS_RDONLY', null), as: 'again' },
        call('umount', '/mnt/disk'),
      ],
    });
    expect(results).toHaveLength(10);
    expect(results.filter(({ errno }) => errno !== undefined)).toEqual([]);
    expect(results[4]?.ret).toBeGreaterThan(0);
  });
});
