# Compression for squashfs-tools, btrfs-progs.
make -C lib -j"$jobs" ZSTD_LEGACY_SUPPORT=0 libzstd.a
install -m 644 lib/libzstd.a "$LKL_SYSROOT/lib/"
install -m 644 lib/zstd.h lib/zdict.h lib/zstd_errors.h "$LKL_SYSROOT/include/"
