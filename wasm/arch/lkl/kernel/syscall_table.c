// SPDX-License-Identifier: GPL-2.0-only
/* The system call table: every entry has the one wasm signature of asm/syscall_wrapper.h. */
#include <linux/io_uring.h>
#include <linux/mm.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <asm/syscall.h>

SYSCALL_DEFINE6(mmap2, unsigned long, addr, unsigned long, len, unsigned long, prot,
		unsigned long, flags, unsigned long, fd, unsigned long, pgoff)
{
	return ksys_mmap_pgoff(addr, len, prot, flags, fd, pgoff);
}

/* Signal handlers are the host's: it knows itself when one has returned. */
SYSCALL_DEFINE0(rt_sigreturn)
{
	return -ENOSYS;
}

/* A thread that polls for submissions wants a processor of its own: on the only one, it would never let anyone else run. */
long __real_sys_io_uring_setup(const struct pt_regs *regs);
long __wrap_sys_io_uring_setup(const struct pt_regs *regs);
long __wrap_sys_io_uring_setup(const struct pt_regs *regs)
{
	struct io_uring_params __user *params = (void __user *)(unsigned long)regs->args[1];
	u32 flags;

	if (get_user(flags, &params->flags))
		return -EFAULT;
	return flags & IORING_SETUP_SQPOLL ? -EINVAL : __real_sys_io_uring_setup(regs);
}

static long lkl_no_syscall(const struct pt_regs *regs)
{
	return -ENOSYS;
}

#define sys_ni_syscall lkl_no_syscall
#define __SYSCALL_WITH_COMPAT(nr, native, compat) __SYSCALL(nr, native)

#define __SYSCALL(nr, call) extern long call(const struct pt_regs *regs);
#include <asm/syscall_table_32.h>
#undef __SYSCALL

#define __SYSCALL(nr, call) [nr] = (call),
const lkl_syscall_t lkl_syscalls[NR_syscalls] = {
	[0 ... NR_syscalls - 1] = lkl_no_syscall,
#include <asm/syscall_table_32.h>
};
