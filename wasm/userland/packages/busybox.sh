# A shell and the usual commands: one program with many names.
make KCONFIG_ALLCONFIG="$here/packages/busybox.config" HOSTCC=gcc allnoconfig
# Kconfig drops what it cannot grant without a word: compare.
grep -v '^#' "$here/packages/busybox.config" | while read -r line; do grep -qxF "$line" .config || { echo "busybox does not grant $line"; exit 1; }; done
make -j"$jobs" HOSTCC=gcc CC="$CC" AR=$AR STRIP=true EXTRA_CFLAGS="$CFLAGS" SKIP_STRIP=y busybox_unstripped busybox.links
program busybox busybox_unstripped fork
also busybox $(sed 's|.*/||' busybox.links)
