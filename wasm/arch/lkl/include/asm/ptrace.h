/* SPDX-License-Identifier: GPL-2.0-only */
/* The "registers" of a user task: one system call. Twin: src/abi/shared.ts. */
#ifndef _ASM_LKL_PTRACE_H
#define _ASM_LKL_PTRACE_H

#include <linux/types.h>
#include <uapi/asm/ptrace.h>

struct pt_regs {
	u64 args[6];		/* 64 bits each, so that loff_t is one argument */
	s32 nr;
	s32 ret;
	u32 in_syscall;
};

#define user_mode(regs)			((regs) != NULL)
#define instruction_pointer(regs)	0UL
#define profile_pc(regs)		0UL
#define user_stack_pointer(regs)	0UL
#define kernel_stack_pointer(regs)	0UL
#define regs_return_value(regs)		((long)(regs)->ret)
#define is_syscall_success(regs)	((regs)->ret >= 0 || (regs)->ret < -MAX_ERRNO)

#endif
