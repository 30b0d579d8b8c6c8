# Partition tables and what is on disks; busybox mounts.
configure --disable-all-programs --disable-shared --disable-nls --disable-asciidoc --without-python \
	--without-udev --without-systemd --without-ncurses --without-ncursesw --without-tinfo --without-readline --without-cap-ng --without-selinux \
	--enable-libuuid --enable-libblkid --enable-libsmartcols --enable-libfdisk --enable-fdisks=check --enable-blkid --enable-wipefs
make -j"$jobs" sfdisk blkid wipefs
for name in sfdisk blkid wipefs; do program $name $name; done
