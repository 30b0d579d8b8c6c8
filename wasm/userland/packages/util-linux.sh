# Partition tables, swap, and what is on disks; busybox mounts.
# What is all of it or nothing cannot be asked for alone.
sed -i 's/build_mkswap=no/build_mkswap=yes/' configure
configure --disable-all-programs --disable-shared --disable-nls --disable-asciidoc --without-python \
	--without-udev --without-systemd --without-ncurses --without-ncursesw --without-tinfo --without-readline --without-cap-ng --without-selinux \
	--enable-libuuid --enable-libblkid --enable-libsmartcols --enable-libfdisk --enable-fdisks=check --enable-blkid --enable-wipefs
make -j"$jobs" sfdisk blkid wipefs mkswap
for name in sfdisk blkid wipefs mkswap; do program $name $name; done
