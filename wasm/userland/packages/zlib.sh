# Compression for squashfs-tools, erofs-utils, btrfs-progs.
CHOST=$triplet ./configure --static --prefix="$LKL_SYSROOT"
make -j"$jobs" libz.a
make install
