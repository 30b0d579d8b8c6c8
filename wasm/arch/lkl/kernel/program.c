// SPDX-License-Identifier: GPL-2.0-only
/* What differs for tasks of programs (kernel/foreign.c): their signal handlers, and the calls that cannot be had. */
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/uaccess.h>
#include <linux/unistd.h>
#include <asm/host.h>
#include <asm/program.h>
#include <asm/syscall.h>

/*
 * A handler that is to be called: the program does so when its call has
 * returned, and then restores the old mask itself, which is its sigreturn.
 * What several signals leave here is called last come, first served.
 */
void lkl_program_signal(struct ksignal *ksig)
{
	struct lkl_signal_frame frame = {
		.sig		= ksig->sig,
		.flags		= ksig->ka.sa.sa_flags,
		.handler	= (u32)ksig->ka.sa.sa_handler,
		.code		= ksig->info.si_code,
	};

	BUILD_BUG_ON(sizeof(ksig->info) > sizeof(frame.info));
	memcpy(&frame.old_mask, sigmask_to_save(), sizeof(frame.old_mask));
	memcpy(frame.info, &ksig->info, sizeof(ksig->info));
	host_user_signal(current, &frame);
	signal_setup_done(0, ksig, 0);
}

/*
 * Pages of a foreign memory are not ours to map or to do I/O from. So direct
 * I/O goes through the page cache, as where a file system cannot do it; rings
 * and segments that kernel and program would share are not to be had; what is
 * mapped where is the host's to say, and it does not ask us. Answers whether
 * the call is over with the result it set.
 */
bool lkl_program_refuses(struct pt_regs *regs)
{
	struct open_how __user *how;
	u64 flags;

	switch (regs->nr) {
	case __NR_openat:
		regs->args[2] &= ~(u64)O_DIRECT;
		return false;
	case __NR_openat2:
		how = (void __user *)(unsigned long)regs->args[2];
		if (regs->args[3] < sizeof(*how) || get_user(flags, &how->flags) || !(flags & O_DIRECT))
			return false;
		regs->ret = -EINVAL;
		return true;
	case __NR_fcntl64:
		if (regs->args[1] == F_SETFL)
			regs->args[2] &= ~(u64)O_DIRECT;
		return false;
	case __NR_io_setup:
	case __NR_io_uring_setup:
	case __NR_shmat:
	case __NR_brk:
	case __NR_mmap2:
	case __NR_mremap:
	case __NR_munmap:
	case __NR_mprotect:
	case __NR_madvise:
	case __NR_msync:
	case __NR_remap_file_pages:
	case __NR_clone3:	/* the host would have to read its struct before it knows what is cloned */
		regs->ret = -ENOSYS;
		return true;
	}
	return false;
}
