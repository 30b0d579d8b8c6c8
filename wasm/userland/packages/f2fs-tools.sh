# needs: util-linux-libs
# f2fs.
autoreconf -fi
configure --disable-shared --without-selinux --without-lzo2 --without-lz4 ac_cv_func_malloc_0_nonnull=yes ac_cv_func_realloc_0_nonnull=yes
make -j"$jobs"
program mkfs.f2fs mkfs/mkfs.f2fs
program fsck.f2fs fsck/fsck.f2fs
