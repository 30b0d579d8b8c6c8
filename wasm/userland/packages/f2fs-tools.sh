# needs: util-linux-libs
# f2fs. Its compressors are for sload.f2fs, which copies trees in: our kernel does that.
autoreconf -fi
configure --disable-shared --without-selinux ac_cv_lib_lz4_main=no ac_cv_lib_lzo2_main=no ac_cv_func_malloc_0_nonnull=yes ac_cv_func_realloc_0_nonnull=yes
for part in lib mkfs fsck; do make -j"$jobs" -C $part; done
program mkfs.f2fs mkfs/mkfs.f2fs
program fsck.f2fs fsck/fsck.f2fs
also fsck.f2fs resize.f2fs dump.f2fs
