/** The device of a mount is found by where it is, the last one there. */

import { expect, it } from 'vitest';
import { deviceAt } from './backing-device.ts';

const mountinfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 22 0:44 / /mnt/a\\040b rw,nosuid - fuse.lkl /x rw
32 22 0:45 / /mnt/a\\040b rw,nosuid - fuse.lkl /x rw
33 22 0:46 / /mnt/\xc3\xa4 rw,nosuid - fuse.lkl /x rw
`;

it.each([
  ['/', '254:0'],
  ['/mnt/a b', '0:45'],
  ['/mnt/ä', '0:46'],
  ['/mnt', undefined],
])('%s: %s', (directory, device) => {
  expect(deviceAt(mountinfo, directory)).toBe(device);
});
