/* SPDX-License-Identifier: GPL-2.0-only */
/* The host is the random source, from the first instruction on. */
#ifndef _ASM_LKL_ARCHRANDOM_H
#define _ASM_LKL_ARCHRANDOM_H

#include <asm/host.h>

static inline size_t __must_check arch_get_random_longs(unsigned long *v, size_t max_longs)
{
	return 0;
}

static inline size_t __must_check arch_get_random_seed_longs(unsigned long *v, size_t max_longs)
{
	host_entropy(v, max_longs * sizeof(*v));
	return max_longs;
}

#endif
