/* SPDX-License-Identifier: GPL-2.0-only */
/* Which user memory is in use: an mm has ours or a foreign one, for all its threads (kernel/uaccess.c). */
#ifndef _ASM_LKL_MMU_CONTEXT_H
#define _ASM_LKL_MMU_CONTEXT_H

#include <linux/mm_types.h>
#include <asm-generic/mm_hooks.h>

extern unsigned int lkl_foreign;

int lkl_foreign_fork(struct mm_struct *mm);
void lkl_foreign_end(struct mm_struct *mm);

static inline void switch_mm(struct mm_struct *prev, struct mm_struct *next, struct task_struct *task)
{
	lkl_foreign = next->context.foreign;
}

/* A new mm is zero; one that a fork makes is a copy of its parent's. */
static inline int init_new_context(struct task_struct *task, struct mm_struct *mm)
{
	return unlikely(mm->context.foreign) ? lkl_foreign_fork(mm) : 0;
}
#define init_new_context init_new_context

static inline void destroy_context(struct mm_struct *mm)
{
	if (unlikely(mm->context.foreign))
		lkl_foreign_end(mm);
}
#define destroy_context destroy_context

#include <asm-generic/mmu_context.h>

#endif
