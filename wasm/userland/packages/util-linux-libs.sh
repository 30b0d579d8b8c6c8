# source: util-linux
# libuuid, libblkid, libsmartcols, libmount: what tools of file systems ask for.
configure --prefix="$LKL_SYSROOT" --libdir="$LKL_SYSROOT/lib" --disable-all-programs --disable-shared --disable-nls --disable-asciidoc --without-python \
	--without-udev --without-systemd --without-ncurses --without-ncursesw --without-tinfo --without-readline --without-cap-ng --without-selinux \
	--enable-libuuid --enable-libblkid --enable-libsmartcols --enable-libmount --enable-libfdisk
make -j"$jobs"
make install
