/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An indirect call in wasm must match its target's signature, so every system
 * call is long sys_x(const struct pt_regs *): the arguments come from there.
 */
#ifndef _ASM_LKL_SYSCALL_WRAPPER_H
#define _ASM_LKL_SYSCALL_WRAPPER_H

#include <asm/ptrace.h>

#define LKL_SYSCALL_ARGS(x)							\
	__MAP(x, __SC_ARGS,							\
	      , regs->args[0], , regs->args[1], , regs->args[2],		\
	      , regs->args[3], , regs->args[4], , regs->args[5])

#define SYSCALL_DEFINE0(name)							\
	SYSCALL_METADATA(_##name, 0);						\
	long sys_##name(const struct pt_regs *regs);				\
	long sys_##name(const struct pt_regs *regs)

#define __SYSCALL_DEFINEx(x, name, ...)						\
	static inline long __do_sys##name(__MAP(x, __SC_DECL, __VA_ARGS__));	\
	static __always_inline long __se_sys##name(__MAP(x, __SC_LONG, __VA_ARGS__)) \
	{									\
		__MAP(x, __SC_TEST, __VA_ARGS__);				\
		return __do_sys##name(__MAP(x, __SC_CAST, __VA_ARGS__));	\
	}									\
	long sys##name(const struct pt_regs *regs);				\
	long sys##name(const struct pt_regs *regs)				\
	{									\
		return __se_sys##name(LKL_SYSCALL_ARGS(x));			\
	}									\
	static inline long __do_sys##name(__MAP(x, __SC_DECL, __VA_ARGS__))

#define COND_SYSCALL(name)							\
	long sys_##name(const struct pt_regs *regs);				\
	long __weak sys_##name(const struct pt_regs *regs)			\
	{									\
		return sys_ni_syscall();					\
	}

#endif
