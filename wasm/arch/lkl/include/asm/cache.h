/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_CACHE_H
#define _ASM_LKL_CACHE_H

/* One CPU shares no cache line with another: small lines keep structures small. */
#define L1_CACHE_SHIFT	3
#define L1_CACHE_BYTES	(1 << L1_CACHE_SHIFT)

#endif
