# liblzma, for squashfs-tools, erofs-utils.
configure --prefix="$LKL_SYSROOT" --disable-shared --disable-threads --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-scripts --disable-doc --disable-nls
make -j"$jobs"
make install
