# needs: util-linux-libs lz4 xz-utils
# EROFS.
autoreconf -fi
configure --disable-shared --disable-fuse --enable-lz4 --enable-lzma --with-uuid --without-selinux ac_cv_func_malloc_0_nonnull=yes
make -j"$jobs"
program mkfs.erofs mkfs/mkfs.erofs
program fsck.erofs fsck/fsck.erofs
program dump.erofs dump/dump.erofs
