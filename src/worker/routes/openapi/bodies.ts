/** Examples of JSON bodies, by operation. Those of simulations stand beside their schemas, which have them in common. */

export const bodies: Readonly<Record<string, object>> = {
  completeUpload: { parts: [{ part: 1, etag: 'c4ca4238a0b923820dcc509a6f75849b', size_bytes: 67108864 }] },
  changeImage: {
    changes: [
      { op: 'mkdir', path: 'srv/www', parents: true },
      { op: 'rename', from: 'etc/motd', to: 'srv/www/motd' },
    ],
  },
  makeDiskImage: {
    definitions: { '10-root.conf': '[Partition]\nType=root\nFormat=ext4\nMinimize=best\nCopyFiles=/\n' },
    root: { image: 'rootfs.tar' },
    seed: 1,
  },
  partitionImage: { script: 'label: gpt\nsize=100M, type=uefi\ntype=linux, name=root\n', size_bytes: 1073741824 },
  run: { argv: ['e2fsck', '-fn', '/dev/vda'], disks: [{ image: 'disk' }] },
  postSyscalls: {
    calls: [
      { call: 'openat', args: ['AT_FDCWD', '/proc/version', 'O_RDONLY'], as: 'fd' },
      { call: 'read', args: [{ ref: 'fd' }, { out: 200 }, 200] },
    ],
  },
  createSession: { mounts: [{ image: 'disk', at: '/mnt' }], clock: 'virtual', seed: 1 },
  runInSession: { calls: [{ call: 'mkdir', args: ['/mnt/new', 493] }], strace: true },
  execInSession: { argv: ['ls', '-l', '/mnt'] },
  addSessionInterface: { mac: '02:00:00:00:00:01', mtu: 1400 },
  saveSessionDisk: { image: 'disk-after' },
  postPacketdrill: {
    script: [
      '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3',
      '+0 bind(3, ..., ...) = 0',
      '+0 listen(3, 1) = 0',
      '+.1 < S 0:0(0) win 1000 <mss 1000>',
      '+0 > S. 0:0(0) ack 1 <mss 1460>',
    ].join('\n'),
  },
  createToken: { name: 'ci', scopes: ['images:read', 'convert'], images: ['build-*'], expires_in_s: 7776000 },
  createLink: { method: 'GET', path: '/v1/images/root.ext4/tar', query: { compress: 'gzip' }, expires_in_s: 3600 },
};
