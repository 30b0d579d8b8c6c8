# needs: util-linux-libs
# XFS.
for file in urcu.h urcu/uatomic.h ini.h; do install -D -m 644 "$here/support/$file" "$LKL_SYSROOT/include/$file"; done
"$CC" $CFLAGS -c "$here/support/ini.c" -o ini.o
$AR rcs "$LKL_SYSROOT/lib/libinih.a" ini.o
$AR rcs "$LKL_SYSROOT/lib/liburcu.a"
export OPTIMIZER="$CFLAGS" DEBUG=-DNDEBUG
configure --disable-shared --enable-gettext=no --enable-editline=no --enable-libicu=no --enable-scrub=no --disable-lto --with-systemd-unit-dir=no --with-crond-dir=no
make -j"$jobs" include/builddefs include/platform_defs.h
mkdir -p include/xfs
for part in include libxfs; do make -C $part NODEP=1 install-headers; done
for part in include libfrog libxcmd libxfs libxlog libhandle mkfs repair db growfs mdrestore io; do make -j"$jobs" -C $part NODEP=1; done
program mkfs.xfs mkfs/mkfs.xfs
program xfs_repair repair/xfs_repair
program xfs_db db/xfs_db
program xfs_growfs growfs/xfs_growfs
program xfs_io io/xfs_io
program xfs_mdrestore mdrestore/xfs_mdrestore
