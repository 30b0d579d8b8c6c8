#!/usr/bin/env bash
# Installs our kernel's headers for programs (linux/, asm/ ...) beside the C library's: headers.sh SYSROOT.
set -euo pipefail

wasm=$(cd "$(dirname "$0")/.." && pwd)
sysroot=$1
linux=$USERLAND_BUILD_DIR/linux

rm -rf "$linux"
mkdir -p "$linux"
tar xf /usr/src/linux-source-6.12.tar.xz -C "$linux" --strip-components=1 --wildcards \
	'*/Makefile' '*/include/uapi/*' '*/include/asm-generic/*' '*/scripts/*' '*/tools/include/*'
cp -r "$wasm/arch/lkl" "$linux/arch/"
make -C "$linux" -s ARCH=lkl CLANG_TARGET_FLAGS=wasm32-unknown-unknown LLVM=-22 HOSTCC=clang-22 headers
cd "$linux/usr/include"
find . -name '*.h' -exec install -D -m 644 {} "$sysroot/include/{}" \;
