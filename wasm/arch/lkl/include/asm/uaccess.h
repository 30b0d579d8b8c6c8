/* SPDX-License-Identifier: GPL-2.0-only */
/* User memory is linear memory like all other, or a foreign memory of the host's; kernel/uaccess.c says which of it. */
#ifndef _ASM_LKL_UACCESS_H
#define _ASM_LKL_UACCESS_H

#include <linux/string.h>

extern unsigned int lkl_foreign;	/* of the mm in use: the number of its memory, or 0 for ours */

int __access_ok(const void __user *ptr, unsigned long size);
#define __access_ok __access_ok

/* As the raw_ functions: they answer how many bytes were not copied. */
unsigned long lkl_foreign_read(void *to, const void __user *from, unsigned long n);
unsigned long lkl_foreign_write(void __user *to, const void *from, unsigned long n);
unsigned long lkl_foreign_clear(void __user *to, unsigned long n);

static inline unsigned long raw_copy_from_user(void *to, const void __user *from, unsigned long n)
{
	if (unlikely(lkl_foreign))
		return lkl_foreign_read(to, from, n);
	memcpy(to, (__force const void *)from, n);
	return 0;
}

static inline unsigned long raw_copy_to_user(void __user *to, const void *from, unsigned long n)
{
	if (unlikely(lkl_foreign))
		return lkl_foreign_write(to, from, n);
	memcpy((__force void *)to, from, n);
	return 0;
}

static inline unsigned long __clear_user(void __user *to, unsigned long n)
{
	if (unlikely(lkl_foreign))
		return lkl_foreign_clear(to, n);
	memset((__force void *)to, 0, n);
	return 0;
}
#define __clear_user __clear_user

/* The generic ones are get_user() and put_user() of an address of the kernel's, which would be looked for in a foreign memory. */
#define __get_kernel_nofault(dst, src, type, label)			\
do {									\
	*(type *)(dst) = *(const type *)(src);				\
	if (0)	/* the label looks used */				\
		goto label;						\
} while (0)

#define __put_kernel_nofault(dst, src, type, label)			\
do {									\
	*(type *)(dst) = *(const type *)(src);				\
	if (0)								\
		goto label;						\
} while (0)

long strncpy_from_user(char *dst, const char __user *src, long count);
long strnlen_user(const char __user *str, long count);

#include <asm-generic/uaccess.h>

#endif
