# NTFS: made, mended a little, resized, looked at. The kernel's own driver mounts it.
autoreconf -fi
configure --disable-shared --enable-static --disable-ntfs-3g --enable-extras --disable-crypto --disable-ldconfig --with-fuse=none --disable-plugins --without-uuid --disable-mtab
make -j"$jobs" -C libntfs-3g
make -j"$jobs" -C ntfsprogs
for name in mkntfs ntfsfix ntfsresize ntfsinfo ntfslabel; do program $name ntfsprogs/$name; done
also mkntfs mkfs.ntfs
