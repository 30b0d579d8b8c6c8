# needs: util-linux-libs zlib lzo2 libzstd
# btrfs: the one program is mkfs.btrfs, btrfs check, btrfstune and others by the name it is called by.
configure --disable-documentation --disable-shared --enable-static --disable-python --disable-libudev --disable-backtrace --enable-zoned --disable-convert
make -j"$jobs" btrfs mkfs.btrfs btrfstune
program btrfs btrfs
program mkfs.btrfs mkfs.btrfs
program btrfstune btrfstune
