#!/usr/bin/env bash
# Build wasm/dist/vmlinux.wasm from Debian's Linux source: `npm run kernel:build`. Idempotent; needs Debian 12.
# KERNEL_BUILD_DIR is where it works (default build/kernel); the result does not depend on it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
work=${KERNEL_BUILD_DIR:-$root/build/kernel}
packages=(clang-22 lld-22 llvm-22 make flex bison bc xz-utils perl patch)

missing=()
for package in "${packages[@]}"; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if ((${#missing[@]})); then
	if [ "$(id -u)" != 0 ]; then
		echo "kernel:build needs these Debian packages: ${missing[*]}" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

"$here/install-linux.sh"
source_version=$(dpkg-query -W -f '${Version}' linux-source-6.12)
patched=$(cat "$here"/patches/*.patch | sha256sum | cut -c1-12)
linux=$work/linux-$source_version
objects=$work/objects
mkdir -p "$objects"
if [ "$(cat "$linux/.patched" 2>/dev/null)" != "$patched" ]; then
	rm -rf "$linux"
	mkdir -p "$linux"
	tar xf /usr/src/linux-source-6.12.tar.xz -C "$linux" --strip-components=1
	for patch in "$here"/patches/*.patch; do patch -d "$linux" -p1 -s <"$patch"; done
	echo "$patched" >"$linux/.patched"
fi
rm -rf "$linux/arch/lkl.new"
cp -r "$here/arch/lkl" "$linux/arch/lkl.new"
# Only what changed gets a new time, so that make rebuilds no more than it must.
mkdir -p "$linux/arch/lkl"
(cd "$linux/arch/lkl.new" && find . -type f) | while read -r file; do
	cmp -s "$linux/arch/lkl.new/$file" "$linux/arch/lkl/$file" || install -D -m 644 "$linux/arch/lkl.new/$file" "$linux/arch/lkl/$file"
done
rm -rf "$linux/arch/lkl.new"

# Nothing of this machine, user or day may reach the binary.
export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_USER=lkl KBUILD_BUILD_HOST=lkl KBUILD_BUILD_VERSION=1
export LC_ALL=C SOURCE_DATE_EPOCH=0
kmake() {
	make -C "$linux" O="$objects" ARCH=lkl CLANG_TARGET_FLAGS=wasm32-unknown-unknown LLVM=-22 \
		CC="$here/cc" HOSTCC=clang-22 LD=wasm-ld-22 -j"$(nproc)" -s "$@"
}

if ! cmp -s "$here/config" "$objects/.config.asked"; then
	kmake KCONFIG_ALLCONFIG="$here/config" allnoconfig
	# Kconfig drops what it cannot grant without a word: compare.
	dropped=$(sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=n$/# \1 is not set/p; /^CONFIG_[A-Z0-9_]*=[^n]/p' "$here/config" | while read -r line; do
		case $line in
		'#'*) name=${line#\# }; name=${name%% *}; grep -q "^$name=" "$objects/.config" && echo "${line}" ;;
		*) grep -qxF -- "$line" "$objects/.config" || echo "$line" ;;
		esac
	done || true)
	if [ -n "$dropped" ]; then
		printf 'wasm/config asks for what Linux does not grant:\n%s\n' "$dropped" >&2
		exit 1
	fi
	cp "$here/config" "$objects/.config.asked"
fi

kmake lkl
"$root/node_modules/.bin/node" "$root/scripts/kernel-finish.ts" "$objects"
