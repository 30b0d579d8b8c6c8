/* SPDX-License-Identifier: GPL-2.0-only */
/* User memory is linear memory like all other; kernel/uaccess.c says which of it. */
#ifndef _ASM_LKL_UACCESS_H
#define _ASM_LKL_UACCESS_H

#include <linux/string.h>

int __access_ok(const void __user *ptr, unsigned long size);
#define __access_ok __access_ok

static inline unsigned long raw_copy_from_user(void *to, const void __user *from, unsigned long n)
{
	memcpy(to, (__force const void *)from, n);
	return 0;
}

static inline unsigned long raw_copy_to_user(void __user *to, const void *from, unsigned long n)
{
	memcpy((__force void *)to, from, n);
	return 0;
}

static inline unsigned long __clear_user(void __user *to, unsigned long n)
{
	memset((__force void *)to, 0, n);
	return 0;
}
#define __clear_user __clear_user

#define INLINE_COPY_FROM_USER
#define INLINE_COPY_TO_USER

long strncpy_from_user(char *dst, const char __user *src, long count);
long strnlen_user(const char __user *str, long count);

#include <asm-generic/uaccess.h>

#endif
