#!/bin/sh -e
# Images out of Debian's source packages, in FOLDER/{ext4,btrfs,vfat,iso9660}. Usage: suites.sh SOURCES FOLDER, where SOURCES has what
# `apt-get source --download-only e2fsprogs btrfs-progs dosfstools libarchive` left. Needs btrfs-progs (btrfs-image), sharutils, xxd.
sources=$(realpath "$1") folder=$2
mkdir -p "$folder/ext4" "$folder/btrfs" "$folder/vfat" "$folder/iso9660" "$folder/src"
cd "$folder"
for tar in "$sources"/*.orig.tar.*; do
	case $tar in *.asc) continue ;; esac
	tar -xf "$tar" -C src
done
for image in src/e2fsprogs-*/tests/*/image.gz; do
	gzip -dc "$image" > "ext4/$(basename "$(dirname "$image")").img" || true
done
find src/btrfs-progs-* -name '*.raw.xz' -o -name '*.img.xz' -o -name '*.img' -o -name '*.raw' | while read -r image; do
	name=$(echo "$image" | sed 's|.*/tests/||; s|/|_|g; s|\.xz$||; s|\.raw$||; s|\.img$||')
	case $image in *.xz) xz -dc "$image" > one ;; *) cp "$image" one ;; esac
	case $image in
	*.raw*) mv one "btrfs/$name.img" ;;
	*) btrfs-image -r one "btrfs/$name.img" > /dev/null 2>&1 || mv one "btrfs/$name.img" ;;
	esac
done
for image in src/dosfstools-*/tests/*.xxd; do
	xxd -r "$image" > "vfat/$(basename "$image" .xxd).img" || true
done
for image in src/libarchive-*/libarchive/test/test_read_format_iso*.uu; do
	uudecode -o one "$image"
	name=$(basename "$image" .uu)
	case $name in
	*.Z | *.gz) gzip -dc < one > "iso9660/${name%.*}.img" ;;
	*.bz2) bzip2 -dc < one > "iso9660/${name%.*}.img" ;;
	*) mv one "iso9660/$name.img" ;;
	esac
done
rm -f one
for kind in ext4 btrfs vfat iso9660; do echo "$kind $(ls $kind | wc -l)"; done
