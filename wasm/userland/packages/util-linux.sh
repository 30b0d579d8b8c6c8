# Partition tables, labels, mounts.
configure --disable-all-programs --disable-shared --disable-nls --disable-asciidoc --without-python \
	--without-udev --without-systemd --without-ncurses --without-ncursesw --without-tinfo --without-readline --without-cap-ng --without-selinux \
	--enable-libuuid --enable-libblkid --enable-libsmartcols --enable-libmount --enable-libfdisk \
	--enable-fdisks --enable-mount --enable-losetup --enable-partx --enable-mkfs --enable-blkid --enable-wipefs --enable-lsblk --enable-fsck --enable-minix --enable-cramfs --enable-bfs
make -j"$jobs" sfdisk fdisk blkid wipefs losetup mount umount partx lsblk mkfs.minix fsck.minix mkfs.cramfs mkfs.bfs blkdiscard || make -j"$jobs" sfdisk fdisk blkid wipefs losetup mount umount partx
for name in sfdisk fdisk blkid wipefs losetup mount umount; do program $name $name; done
