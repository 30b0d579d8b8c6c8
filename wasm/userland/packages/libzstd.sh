# Compression for squashfs-tools, btrfs-progs.
make -C lib -j"$jobs" ZSTD_LEGACY_SUPPORT=0 libzstd.a
make -C lib PREFIX="$LKL_SYSROOT" libzstd.pc
install -m 644 lib/libzstd.a "$LKL_SYSROOT/lib/"
install -D -m 644 lib/libzstd.pc "$LKL_SYSROOT/lib/pkgconfig/libzstd.pc"
install -m 644 lib/zstd.h lib/zdict.h lib/zstd_errors.h "$LKL_SYSROOT/include/"
