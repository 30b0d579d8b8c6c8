/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_TIMEX_H
#define _ASM_LKL_TIMEX_H

#include <asm/host.h>

typedef unsigned long cycles_t;

static inline cycles_t get_cycles(void)
{
	return (cycles_t)lkl_shared.clock_ns;
}
#define get_cycles get_cycles

#endif
