/* SPDX-License-Identifier: GPL-2.0-only */
/* wasm divides 64 bits natively. */
#ifndef _ASM_LKL_DIV64_H
#define _ASM_LKL_DIV64_H

#include <linux/types.h>

#define do_div(n, base)						\
({								\
	u32 __base = (base);					\
	u32 __rem = (u64)(n) % __base;				\
								\
	(n) = (u64)(n) / __base;				\
	__rem;							\
})

/* Leaves lib/math/div64.c without its loop: nothing calls it. */
#define __div64_32 __div64_32

#endif
