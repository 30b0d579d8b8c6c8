# A shell and the usual commands: one program with many names.
make HOSTCC=gcc allnoconfig
# This Kconfig reads no file of choices: they replace what is in .config.
sed -i -E "/^(# )?($(sed 's/=.*//' "$here/packages/busybox.config" | paste -sd'|'))[ =]/d" .config
cat "$here/packages/busybox.config" >>.config
make HOSTCC=gcc oldconfig < <(yes '')
# What it cannot grant it drops without a word: compare.
while read -r line; do
	grep -qxF "$line" .config || { echo "busybox does not grant $line"; exit 1; }
done <"$here/packages/busybox.config"
make -j"$jobs" HOSTCC=gcc CC="$CC" AR=$AR STRIP=true EXTRA_CFLAGS="$CFLAGS" SKIP_STRIP=y busybox_unstripped busybox.links
program busybox busybox_unstripped fork
also busybox $(sed 's|.*/||' busybox.links)
