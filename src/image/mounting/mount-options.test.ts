import { expect, it } from 'vitest';
import { MS_NOATIME, MS_NODEV, MS_RDONLY } from '../../abi/uapi/fs.ts';
import { parseMountOptions } from './mount-options.ts';

it('none are read-only', () => {
  expect(parseMountOptions('')).toEqual({ flags: MS_RDONLY, data: '' });
});

it('words of mount(2) become flags, what fstab alone knows is dropped, the rest is left to the file system in order', () => {
  expect(parseMountOptions('defaults,noatime,subvol=home,x-systemd.automount,nodev,nofail,degraded')).toEqual({
    flags: MS_RDONLY | MS_NOATIME | MS_NODEV,
    data: 'subvol=home,degraded',
  });
});

it('the later of two that contradict each other counts', () => {
  expect(parseMountOptions('noatime,nodev,atime').flags).toBe(MS_RDONLY | MS_NODEV);
});

it.each(['rw', 'remount', 'bind', 'rprivate', 'loop=/dev/loop1', 'offset=512'])('%s is refused', (option) => {
  expect(() => parseMountOptions(`noatime,${option}`)).toThrow(expect.objectContaining({ kind: 'invalid-request' }));
});

it.each(['norecovery', 'rwx', 'moved', 'constructor', 'looping'])('%s is for the file system to judge', (option) => {
  expect(parseMountOptions(option).data).toBe(option);
});
