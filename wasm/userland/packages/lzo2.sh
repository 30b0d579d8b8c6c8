# Compression for squashfs-tools, btrfs-progs, f2fs-tools.
configure --prefix="$LKL_SYSROOT" --disable-shared --disable-asm
make -j"$jobs"
make install
