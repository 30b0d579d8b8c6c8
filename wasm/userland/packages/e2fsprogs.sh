# ext2, ext3, ext4. With its own libuuid and libblkid, which are smaller than util-linux's.
configure --enable-libuuid --enable-libblkid --disable-nls --disable-elf-shlibs --disable-fuse2fs --disable-uuidd --disable-e2initrd-helper --disable-defrag --without-libarchive
make -j"$jobs" libs
make -j"$jobs" -C misc mke2fs tune2fs dumpe2fs e2image
make -j"$jobs" -C e2fsck e2fsck
make -j"$jobs" -C resize resize2fs
make -j"$jobs" -C debugfs debugfs
for name in mke2fs tune2fs dumpe2fs e2image; do program $name misc/$name; done
program e2fsck e2fsck/e2fsck
program resize2fs resize/resize2fs
program debugfs debugfs/debugfs
also mke2fs mkfs.ext2 mkfs.ext3 mkfs.ext4
also e2fsck fsck.ext2 fsck.ext3 fsck.ext4
also tune2fs e2label
