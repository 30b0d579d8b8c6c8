# Settings of network devices.
configure --disable-netlink
make -j"$jobs" ethtool
program ethtool ethtool
