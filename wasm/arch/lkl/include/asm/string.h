/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_STRING_H
#define _ASM_LKL_STRING_H

#include <linux/types.h>

#define __HAVE_ARCH_MEMCPY
#define __HAVE_ARCH_MEMMOVE
#define __HAVE_ARCH_MEMSET

void *memcpy(void *dst, const void *src, __kernel_size_t n);
void *memmove(void *dst, const void *src, __kernel_size_t n);
void *memset(void *dst, int c, __kernel_size_t n);

#endif
