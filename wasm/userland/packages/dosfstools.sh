# FAT12, FAT16, FAT32.
configure --without-iconv
make -j"$jobs" -C src
program mkfs.fat src/mkfs.fat
program fsck.fat src/fsck.fat
program fatlabel src/fatlabel
also mkfs.fat mkfs.vfat
also fsck.fat fsck.vfat
