# Compression for squashfs-tools, erofs-utils, f2fs-tools.
make -C lib -j"$jobs" BUILD_SHARED=no liblz4.a
install -m 644 lib/liblz4.a "$LKL_SYSROOT/lib/"
install -m 644 lib/lz4.h lib/lz4hc.h lib/lz4frame.h "$LKL_SYSROOT/include/"
