/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts are taken only where they are enabled, so on one CPU plain operations are atomic. */
#ifndef _ASM_LKL_ATOMIC_H
#define _ASM_LKL_ATOMIC_H

#include <asm/barrier.h>
#include <asm/cmpxchg.h>

#define LKL_ATOMIC_OP(prefix, type, number, op, c_op)					\
static __always_inline void prefix##_##op(number i, type *v)				\
{											\
	v->counter = v->counter c_op i;							\
}

#define LKL_ATOMIC_FETCH_OP(prefix, type, number, op, c_op)				\
LKL_ATOMIC_OP(prefix, type, number, op, c_op)						\
static __always_inline number prefix##_fetch_##op(number i, type *v)			\
{											\
	number old = v->counter;							\
											\
	v->counter = old c_op i;							\
	return old;									\
}

#define LKL_ATOMIC_RETURN_OP(prefix, type, number, op, c_op)				\
LKL_ATOMIC_FETCH_OP(prefix, type, number, op, c_op)					\
static __always_inline number prefix##_##op##_return(number i, type *v)		\
{											\
	return v->counter = v->counter c_op i;						\
}

#define LKL_ATOMIC_OPS(prefix, type, number)						\
	LKL_ATOMIC_RETURN_OP(prefix, type, number, add, +)				\
	LKL_ATOMIC_RETURN_OP(prefix, type, number, sub, -)				\
	LKL_ATOMIC_FETCH_OP(prefix, type, number, and, &)				\
	LKL_ATOMIC_FETCH_OP(prefix, type, number, or, |)				\
	LKL_ATOMIC_FETCH_OP(prefix, type, number, xor, ^)

LKL_ATOMIC_OPS(arch_atomic, atomic_t, int)

#define arch_atomic_add_return		arch_atomic_add_return
#define arch_atomic_sub_return		arch_atomic_sub_return
#define arch_atomic_fetch_add		arch_atomic_fetch_add
#define arch_atomic_fetch_sub		arch_atomic_fetch_sub
#define arch_atomic_fetch_and		arch_atomic_fetch_and
#define arch_atomic_fetch_or		arch_atomic_fetch_or
#define arch_atomic_fetch_xor		arch_atomic_fetch_xor

#define arch_atomic_read(v)		READ_ONCE((v)->counter)
#define arch_atomic_set(v, i)		WRITE_ONCE((v)->counter, (i))

typedef struct {
	s64 __aligned(8) counter;
} atomic64_t;

#define ATOMIC64_INIT(i)		{ (i) }

LKL_ATOMIC_OPS(arch_atomic64, atomic64_t, s64)

#define arch_atomic64_add_return	arch_atomic64_add_return
#define arch_atomic64_sub_return	arch_atomic64_sub_return
#define arch_atomic64_fetch_add		arch_atomic64_fetch_add
#define arch_atomic64_fetch_sub		arch_atomic64_fetch_sub
#define arch_atomic64_fetch_and		arch_atomic64_fetch_and
#define arch_atomic64_fetch_or		arch_atomic64_fetch_or
#define arch_atomic64_fetch_xor		arch_atomic64_fetch_xor

#define arch_atomic64_read(v)		READ_ONCE((v)->counter)
#define arch_atomic64_set(v, i)		WRITE_ONCE((v)->counter, (i))

#endif
