// SPDX-License-Identifier: GPL-2.0-only
/*
 * Foreign user memory: that of a program, which is a module of the host's with
 * a linear memory of its own. It belongs to an mm, so threads, vfork children
 * and kernel threads that borrow the mm share it without further ado. The
 * host knows it by a number and checks every address; what a program passes is
 * copied from and to it, never pointed at.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <asm/host.h>
#include <asm/mmu_context.h>

unsigned int lkl_foreign;

unsigned long lkl_foreign_read(void *to, const void __user *from, unsigned long n)
{
	return host_foreign_copy(lkl_foreign, to, (unsigned long)from, n, LKL_FOREIGN_READ);
}

unsigned long lkl_foreign_write(void __user *to, const void *from, unsigned long n)
{
	return host_foreign_copy(lkl_foreign, (void *)from, (unsigned long)to, n, LKL_FOREIGN_WRITE);
}

unsigned long lkl_foreign_clear(void __user *to, unsigned long n)
{
	return host_foreign_copy(lkl_foreign, NULL, (unsigned long)to, n, LKL_FOREIGN_CLEAR);
}

/* The mm is a copy of its parent's, made by fork(): so shall be the memory. */
int lkl_foreign_fork(struct mm_struct *mm)
{
	int number = host_foreign_fork(mm->context.foreign);

	mm->context.foreign = max(number, 0);
	return min(number, 0);
}

void lkl_foreign_end(struct mm_struct *mm)
{
	host_foreign_end(mm->context.foreign);
}

/*
 * Of another task: /proc/PID/cmdline, environ and mem. The stock functions look
 * for mappings, and such an mm has none.
 */
int __real_access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf, int len, unsigned int gup_flags);
int __wrap_access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf, int len, unsigned int gup_flags);
int __wrap_access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf, int len, unsigned int gup_flags)
{
	unsigned int what = gup_flags & FOLL_WRITE ? LKL_FOREIGN_WRITE : LKL_FOREIGN_READ;

	if (!mm->context.foreign)
		return __real_access_remote_vm(mm, addr, buf, len, gup_flags);
	return len - host_foreign_copy(mm->context.foreign, buf, addr, len, what);
}

int __wrap_access_process_vm(struct task_struct *task, unsigned long addr, void *buf, int len, unsigned int gup_flags);
int __wrap_access_process_vm(struct task_struct *task, unsigned long addr, void *buf, int len, unsigned int gup_flags)
{
	struct mm_struct *mm = get_task_mm(task);

	if (!mm)
		return 0;
	len = __wrap_access_remote_vm(mm, addr, buf, len, gup_flags);
	mmput(mm);
	return len;
}
