/* SPDX-License-Identifier: GPL-2.0-only */
/* Exchange and compare-and-exchange of 1, 2, 4 and 8 bytes; see atomic.h on why they are plain. */
#ifndef _ASM_LKL_CMPXCHG_H
#define _ASM_LKL_CMPXCHG_H

#include <linux/types.h>

#define arch_xchg(ptr, new)						\
({									\
	__typeof__(ptr) __xchg_ptr = (ptr);				\
	__typeof__(*(ptr)) __xchg_old = *__xchg_ptr;			\
									\
	*__xchg_ptr = (new);						\
	__xchg_old;							\
})

#define arch_cmpxchg(ptr, old, new)					\
({									\
	__typeof__(ptr) __cmpxchg_ptr = (ptr);				\
	__typeof__(*(ptr)) __cmpxchg_seen = *__cmpxchg_ptr;		\
									\
	if (__cmpxchg_seen == (__typeof__(*(ptr)))(old))		\
		*__cmpxchg_ptr = (new);					\
	__cmpxchg_seen;							\
})

#define arch_cmpxchg_local	arch_cmpxchg
#define arch_cmpxchg64		arch_cmpxchg
#define arch_cmpxchg64_local	arch_cmpxchg
/* The 64-bit form is as native as the others. */
#define system_has_cmpxchg64()	1

#endif
