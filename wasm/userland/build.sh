#!/usr/bin/env bash
# Build wasm/dist/tools from Debian's source packages: `npm run userland:build [PACKAGE ...]`. Idempotent; needs Debian 12.
# USERLAND_BUILD_DIR is where it works (default build/userland); the results do not depend on it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export USERLAND_BUILD_DIR=${USERLAND_BUILD_DIR:-$root/build/userland}
work=$USERLAND_BUILD_DIR
export LKL_SYSROOT=$work/sysroot
needed=(linux-source-6.12 clang-22 lld-22 llvm-22 libclang-rt-22-dev-wasm32 gcc libc6-dev make flex bison bc xz-utils bzip2 patch perl pkg-config autoconf automake libtool gettext autopoint gawk)

# Libraries that programs are linked with, each after what it needs; then programs.
libraries=(zlib lz4 libzstd xz-utils lzo2 util-linux-libs)
programs=(e2fsprogs dosfstools squashfs-tools exfatprogs f2fs-tools xfsprogs btrfs-progs erofs-utils ntfs-3g util-linux busybox iproute2 iperf nuttcp ethtool socat mdadm)

missing=()
for package in "${needed[@]}"; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if ((${#missing[@]})); then
	if [ "$(id -u)" != 0 ]; then
		echo "userland:build needs these Debian packages: ${missing[*]}" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# Nothing of this machine, user or day may reach a program.
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=0
unset MAKEFLAGS CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG_PATH CONFIG_SITE
jobs=${USERLAND_JOBS:-$(nproc)}

# done_already STEP HASH: whether this step was done with these inputs.
done_already() { [ "$(cat "$work/done/$1" 2>/dev/null)" = "$2" ]; }
hash_of() { (cd "$here" && find "$@" -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16); }
mkdir -p "$work/done" "$work/programs" "$work/log"

# Libraries depend on the C library's headers alone: a change of its code costs no more than linking programs anew.
headers=$(hash_of libc/arch libc/include libc/build.sh lkl-cc target.sh fetch.sh headers.sh ../arch/lkl/include/uapi)
libc=$headers-$(hash_of libc)
if ! done_already libc "$libc"; then
	echo "libc"
	if ! done_already headers "$headers"; then
		rm -rf "$LKL_SYSROOT" "$work"/done/*
		"$here/headers.sh" "$LKL_SYSROOT" >"$work/log/headers" 2>&1 || { tail -30 "$work/log/headers" >&2; exit 1; }
		echo "$headers" >"$work/done/headers"
	fi
	"$here/fetch.sh" musl "$work/src/musl"
	"$here/libc/build.sh" "$work/src/musl" "$LKL_SYSROOT" >"$work/log/libc" 2>&1 || { tail -30 "$work/log/libc" >&2; exit 1; }
	echo "$libc" >"$work/done/libc"
fi

# What packages/NAME.sh may use.
export CC=$here/lkl-cc AR=llvm-ar-22 RANLIB=llvm-ranlib-22 NM=llvm-nm-22 STRIP=true OBJCOPY=llvm-objcopy-22
export BUILD_CC=gcc CC_FOR_BUILD=gcc HOSTCC=gcc
export PKG_CONFIG_LIBDIR=$LKL_SYSROOT/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=
triplet=wasm32-unknown-linux-musl
# program NAME FILE [OPTION]: this file is a result. `fork`: its fork() works, at the price of size and speed. `fpcast`: it
# calls functions through pointers of other types, which traps otherwise.
program() {
	cp "$2" "$work/programs/$1.wasm"
	echo "$1 $package ${3:--}" >>"$work/programs/$package.list"
}
# also NAME LINK ...: what else this program is called by, and behaves as.
also() {
	echo "$*" >>"$work/programs/$package.links"
}
configure() {
	./configure --build="$(gcc -dumpmachine)" --host=$triplet --prefix=/usr "$@"
}

build() { # PACKAGE
	local package=$1 source
	source=$(sed -n 's/^# source: //p' "$here/packages/$package.sh")
	echo "$package"
	"$here/fetch.sh" "${source:-$package}" "$work/src/$package"
	[ ! -e "$here/packages/$package.patch" ] || patch -d "$work/src/$package" -p1 -s <"$here/packages/$package.patch"
	rm -f "$work/programs/$package".{list,links}
	# Not `( … ) || …`: in such a place `set -e` means nothing.
	set +e
	(
		set -e
		cd "$work/src/$package"
		# Debian's sources come with generated files: all get one time, so that make does not find them old.
		find . -exec touch -h -d @1 {} +
		export CFLAGS="-Os -ffile-prefix-map=$PWD=."
		set -x
		. "$here/packages/$package.sh"
	) >"$work/log/$package" 2>&1
	local status=$?
	set -e
	if ((status)); then
		tail -30 "$work/log/$package" >&2
		echo "userland: $package does not build: all of it in $work/log/$package" >&2
		exit 1
	fi
}

# What a package is built from: itself, its source, and the libraries that it names.
inputs_of() { # PACKAGE
	local script=$here/packages/$1.sh source library
	source=$(sed -n 's/^# source: //p' "$script")
	cat "$script" "$here/packages/$1".{patch,config} 2>/dev/null || true
	! grep -q 'here/support/' "$script" || find "$here/support" -type f | sort | xargs cat
	grep "^${source:-$1} " "$here/sources"
	for library in $(sed -n 's/^# needs: //p' "$script"); do inputs_of "$library"; done
}
build_unless_done() { # PACKAGE BASE
	local inputs
	((${#only[@]} == 0)) || [[ " ${only[*]} " == *" $1 "* ]] || return 0
	inputs=$2-$(inputs_of "$1" | sha256sum | cut -c1-16)
	done_already "$1" "$inputs" && return
	build "$1"
	echo "$inputs" >"$work/done/$1"
}
# Named ones are built for a try: what is committed is all of them.
only=("$@")
for package in "${libraries[@]}"; do build_unless_done "$package" "$headers"; done
for package in "${programs[@]}"; do build_unless_done "$package" "$libc"; done
((${#only[@]})) || "$root/node_modules/.bin/node" "$root/scripts/userland-finish.ts" "$work"
