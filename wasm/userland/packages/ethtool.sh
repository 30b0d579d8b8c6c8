# What network cards are and can do. libmnl's source is not to be had, so without netlink: by ioctls.
configure --disable-netlink --disable-pretty-dump
make -j"$jobs"
program ethtool ethtool
