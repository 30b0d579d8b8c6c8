#!/bin/sh -e
# A kernel of Debian's and an initramfs that lists images with it. Usage: make.sh LINUX-IMAGE.deb BUSYBOX-STATIC.deb FOLDER
# (apt-get download linux-image-6.12.…-amd64 busybox-static). Needs gcc, kmod, cpio, xz-utils.
here=$(cd "$(dirname "$0")" && pwd)
image=$(realpath "$1") busybox=$(realpath "$2") folder=$3
mkdir -p "$folder/root/bin" "$folder/root/proc" "$folder/root/dev" "$folder/root/sys" "$folder/root/mnt" "$folder/root/host"
cd "$folder"
dpkg-deb -x "$image" kernel
dpkg-deb -x "$busybox" busybox
mkdir -p root/sbin
cp "$(find busybox -path '*/bin/busybox')" root/bin/busybox # Debian 12 has it in /bin
ln -sf /bin/busybox root/sbin/modprobe
from=$(ls -d kernel/usr/lib/modules/* kernel/lib/modules/* 2> /dev/null || true) # Debian 12 has them in /lib
version=$(basename "$from")
modules=root/lib/modules/$version
mkdir -p "$modules"
for part in kernel/fs kernel/lib kernel/crypto kernel/arch/x86 kernel/drivers/block kernel/drivers/virtio kernel/drivers/cdrom kernel/drivers/mtd kernel/net/9p; do
	[ -d "$from/$part" ] || continue
	mkdir -p "$modules/$(dirname $part)"
	cp -r "$from/$part" "$modules/$(dirname $part)/"
done
cp "$from"/modules.builtin* "$from"/modules.order "$modules/"
find "$modules" -name '*.ko.xz' -exec xz -d {} +
depmod -b root "$version"
gcc -O2 -static -o root/bin/lister "$here/lister.c"
cat > root/init <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for m in 9pnet_virtio 9p loop; do $b modprobe $m; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=mmap host /host
for m in $($b cat /host/modules); do $b modprobe $m; done
exec /bin/lister
INIT
chmod +x root/init
(cd root && find . | cpio -o -H newc 2>/dev/null) | gzip -1 > initrd.gz
cp kernel/boot/vmlinuz-* vmlinuz
