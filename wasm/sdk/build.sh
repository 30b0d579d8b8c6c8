#!/usr/bin/env bash
# Makes the package lkl-cc in build/lkl-cc: `npm run sdk:build`, then `npm pack ./build/lkl-cc`. Needs what userland:build needs.
# USERLAND_BUILD_DIR is where it works (default build/userland); what was downloaded or built there already is used.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
userland=$root/wasm/userland
export USERLAND_BUILD_DIR=${USERLAND_BUILD_DIR:-$root/build/userland}
out=${1:-$root/build/lkl-cc}
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=0
unset MAKEFLAGS CFLAGS CPPFLAGS LDFLAGS

rm -rf "$out"
mkdir -p "$out/sysroot" "$USERLAND_BUILD_DIR"
musl=$USERLAND_BUILD_DIR/sdk-musl
"$userland/headers.sh" "$out/sysroot"
"$userland/fetch.sh" musl "$musl"
"$userland/libc/build.sh" "$musl" "$out/sysroot"
# What clang's own code calls: arithmetic that wasm has no instructions for.
cp /usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a "$out/sysroot/lib/libbuiltins.a"

mkdir "$out/copyright"
cp "$musl/COPYRIGHT" "$out/copyright/musl"
cp /usr/share/doc/libclang-rt-22-dev-wasm32/copyright "$out/copyright/compiler-rt"
cp "$root/wasm/COPYING" "$out/copyright/linux-headers"
cp "$here"/{package.json,README.md,lkl-cc.mjs} "$out/"
# The flags of all code for our kernel's programs, as the package's programs were built with.
. "$userland/target.sh"
printf '%s\n' "${target_flags[@]}" >"$out/sysroot/flags"
echo "lkl-cc: $(du -sh "$out" | cut -f1) in $out"
