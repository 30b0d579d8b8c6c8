/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_SYSCALL_H
#define _ASM_LKL_SYSCALL_H

#include <linux/err.h>
#include <linux/sched.h>
#include <uapi/linux/audit.h>
#include <asm/ptrace.h>
#include <asm/unistd.h>

typedef long (*lkl_syscall_t)(const struct pt_regs *regs);

extern const lkl_syscall_t lkl_syscalls[];

static inline int syscall_get_nr(struct task_struct *task, struct pt_regs *regs)
{
	return regs->in_syscall ? regs->nr : -1;
}

static inline void syscall_rollback(struct task_struct *task, struct pt_regs *regs)
{
}

static inline long syscall_get_error(struct task_struct *task, struct pt_regs *regs)
{
	return IS_ERR_VALUE((unsigned long)regs->ret) ? regs->ret : 0;
}

static inline long syscall_get_return_value(struct task_struct *task, struct pt_regs *regs)
{
	return regs->ret;
}

static inline void syscall_set_return_value(struct task_struct *task, struct pt_regs *regs, int error, long value)
{
	regs->ret = error ?: value;
}

static inline void syscall_get_arguments(struct task_struct *task, struct pt_regs *regs, unsigned long *args)
{
	for (int i = 0; i < 6; i++)
		args[i] = regs->args[i];
}

static inline int syscall_get_arch(struct task_struct *task)
{
	return EM_NONE;
}

#endif
