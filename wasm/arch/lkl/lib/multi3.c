// SPDX-License-Identifier: GPL-2.0-only
/* 128-bit multiplication: a compiler runtime function that clang calls on wasm32. */
#include <linux/types.h>

typedef __int128 ti;
typedef unsigned __int128 uti;

/* The full product of two 64-bit numbers by 32-bit halves, carried like long multiplication. */
static uti lkl_mul64(u64 a, u64 b)
{
	u64 low = (u64)(u32)a * (u32)b;
	u64 mid1 = (a >> 32) * (u32)b + (low >> 32);
	u64 mid2 = (u64)(u32)a * (b >> 32) + (u32)mid1;
	u64 high = (a >> 32) * (b >> 32) + (mid1 >> 32) + (mid2 >> 32);

	return ((uti)high << 64) | (mid2 << 32 | (u32)low);
}

ti __multi3(ti a, ti b);
ti __multi3(ti a, ti b)
{
	u64 cross = (u64)((uti)a >> 64) * (u64)b + (u64)a * (u64)((uti)b >> 64);

	return (ti)(lkl_mul64((u64)a, (u64)b) + ((uti)cross << 64));
}
