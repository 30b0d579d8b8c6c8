/* SPDX-License-Identifier: GPL-2.0-only */
/* The operations that are safe against interrupts need not disable them: see atomic.h. */
#ifndef _ASM_LKL_PERCPU_H
#define _ASM_LKL_PERCPU_H

#include <asm-generic/percpu.h>

#undef this_cpu_generic_read
#undef this_cpu_generic_to_op
#undef this_cpu_generic_add_return
#undef this_cpu_generic_xchg
#undef this_cpu_generic_try_cmpxchg
#undef this_cpu_generic_cmpxchg
#define this_cpu_generic_read		raw_cpu_generic_read
#define this_cpu_generic_to_op		raw_cpu_generic_to_op
#define this_cpu_generic_add_return	raw_cpu_generic_add_return
#define this_cpu_generic_xchg		raw_cpu_generic_xchg
#define this_cpu_generic_try_cmpxchg	raw_cpu_generic_try_cmpxchg
#define this_cpu_generic_cmpxchg	raw_cpu_generic_cmpxchg

#endif
