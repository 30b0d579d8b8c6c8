/**
 * The tools that the Worker carries, each compiled when it is first asked for. Not all there are: 10 MB, compressed, is what an upload had to
 * stay below for years. All that make, check and resize are here; left out is what only shows or edits by hand (debugfs, xfs_db, wipefs …).
 */

type Loader = () => Promise<{ readonly default: WebAssembly.Module }>;

export const modules: Readonly<Record<string, Loader>> = {
  blkid: () => import('../../../wasm/dist/tools/blkid.wasm'),
  btrfs: () => import('../../../wasm/dist/tools/btrfs.wasm'),
  busybox: () => import('../../../wasm/dist/tools/busybox.wasm'),
  e2fsck: () => import('../../../wasm/dist/tools/e2fsck.wasm'),
  'fsck.erofs': () => import('../../../wasm/dist/tools/fsck.erofs.wasm'),
  'fsck.exfat': () => import('../../../wasm/dist/tools/fsck.exfat.wasm'),
  'fsck.f2fs': () => import('../../../wasm/dist/tools/fsck.f2fs.wasm'),
  'fsck.fat': () => import('../../../wasm/dist/tools/fsck.fat.wasm'),
  ip: () => import('../../../wasm/dist/tools/ip.wasm'),
  mke2fs: () => import('../../../wasm/dist/tools/mke2fs.wasm'),
  'mkfs.btrfs': () => import('../../../wasm/dist/tools/mkfs.btrfs.wasm'),
  'mkfs.erofs': () => import('../../../wasm/dist/tools/mkfs.erofs.wasm'),
  'mkfs.exfat': () => import('../../../wasm/dist/tools/mkfs.exfat.wasm'),
  'mkfs.f2fs': () => import('../../../wasm/dist/tools/mkfs.f2fs.wasm'),
  'mkfs.fat': () => import('../../../wasm/dist/tools/mkfs.fat.wasm'),
  'mkfs.xfs': () => import('../../../wasm/dist/tools/mkfs.xfs.wasm'),
  mksquashfs: () => import('../../../wasm/dist/tools/mksquashfs.wasm'),
  resize2fs: () => import('../../../wasm/dist/tools/resize2fs.wasm'),
  sfdisk: () => import('../../../wasm/dist/tools/sfdisk.wasm'),
  tc: () => import('../../../wasm/dist/tools/tc.wasm'),
  tune2fs: () => import('../../../wasm/dist/tools/tune2fs.wasm'),
  xfs_growfs: () => import('../../../wasm/dist/tools/xfs_growfs.wasm'),
  xfs_repair: () => import('../../../wasm/dist/tools/xfs_repair.wasm'),
};
