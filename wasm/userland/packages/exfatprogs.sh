# exFAT.
configure
make -j"$jobs"
program mkfs.exfat mkfs/mkfs.exfat
program fsck.exfat fsck/fsck.exfat
program tune.exfat tune/tune.exfat
program dump.exfat dump/dump.exfat
