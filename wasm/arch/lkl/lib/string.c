// SPDX-License-Identifier: GPL-2.0-only
/* With -mbulk-memory these builtins are single instructions: memory.copy and memory.fill. */
#include <linux/string.h>
#include <linux/types.h>

#undef memcpy
#undef memmove
#undef memset

void *memcpy(void *dst, const void *src, size_t n)
{
	return __builtin_memcpy(dst, src, n);
}

void *memmove(void *dst, const void *src, size_t n)
{
	return __builtin_memmove(dst, src, n);
}

void *memset(void *dst, int c, size_t n)
{
	return __builtin_memset(dst, c, n);
}
