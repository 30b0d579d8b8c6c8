# needs: zlib lz4 libzstd xz-utils lzo2
# squashfs. What Debian switches on of compressors is switched on.
make -C squashfs-tools -j"$jobs" CC="$CC" EXTRA_CFLAGS="$CFLAGS" XZ_SUPPORT=1 LZO_SUPPORT=1 LZ4_SUPPORT=1 ZSTD_SUPPORT=1
program mksquashfs squashfs-tools/mksquashfs fpcast
program unsquashfs squashfs-tools/unsquashfs fpcast
also mksquashfs sqfstar
also unsquashfs sqfscat
