#!/usr/bin/env bash
# Builds the C library: libc/build.sh MUSL-SOURCE SYSROOT. musl is as Debian has it, with an architecture of ours beside its own.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
musl=$(cd "$1" && pwd)
sysroot=$2
. "$here/../target.sh"

# The kernel's ABI is the generic one for 32 bits, which musl has as or1k: what is not in our folder is as there.
cp -r "$here/arch/wasm32" "$musl/arch/"
cp "$musl/arch/or1k/kstat.h" "$musl/arch/wasm32/"
for header in ipcstat msg posix reg sem shm stdint user; do
	cp "$musl/arch/or1k/bits/$header.h" "$musl/arch/wasm32/bits/"
done
grep -v or1k "$musl/arch/or1k/bits/syscall.h.in" >"$musl/arch/wasm32/bits/syscall.h.in"
# clang's long double has 113 bits of fraction here, as on aarch64.
cp "$musl/arch/aarch64/bits/float.h" "$musl/arch/wasm32/bits/"
cp -r "$here/src" "$musl/"

cat >"$musl/config.mak" <<MAK
ARCH = wasm32
prefix = $sysroot
exec_prefix = $sysroot
includedir = $sysroot/include
libdir = $sysroot/lib
srcdir = .
CC = clang-22
AR = llvm-ar-22
RANLIB = llvm-ranlib-22
CFLAGS = ${target_flags[*]} -ffile-prefix-map=$musl=musl -w
CFLAGS_AUTO = -Os
CFLAGS_C99FSE = -std=c99 -nostdinc -ffreestanding
CFLAGS_MEMOPS = -fno-builtin
STATIC_LIBS = lib/libc.a
SHARED_LIBS =
CRT_LIBS =
ALL_TOOLS =
TOOL_LIBS =
MAK
make -C "$musl" -s -j"${USERLAND_JOBS:-$(nproc)}" all install-headers

mkdir -p "$sysroot/lib" "$sysroot/include-first"
cp "$musl"/lib/*.a "$sysroot/lib/"
cp "$here"/include/*.h "$sysroot/include-first/"
clang-22 "${target_flags[@]}" -Os -ffile-prefix-map="$here"=libc -c "$here/crt1.c" -o "$sysroot/lib/crt1.o"
