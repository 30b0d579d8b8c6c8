// SPDX-License-Identifier: GPL-2.0-only
/*
 * User memory is the memory of the task's mappings and nothing else, although
 * no MMU enforces it: every access is checked against them, so that a bad
 * pointer is EFAULT, as on any Linux. That of a program is a foreign one
 * (kernel/foreign.c): the host checks when it copies.
 */
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/host.h>

/* Bytes of user memory from `addr` to the end of its mapping: 0 if there is none. */
static unsigned long lkl_user_extent(unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	unsigned long extent = 0;

	if (!mm)
		return 0;
	rcu_read_lock();
	vma = mtree_load(&mm->mm_mt, addr);
	if (vma)
		extent = vma->vm_end - addr;
	rcu_read_unlock();
	return extent;
}

int __access_ok(const void __user *ptr, unsigned long size)
{
	unsigned long addr = (unsigned long)ptr;

	if (lkl_foreign)
		return current->mm && addr + size >= addr;
	return !size || size <= lkl_user_extent(addr);
}

/* Bytes up to and without the NUL, at most `count`; -EFAULT if user memory ends before. */
long strncpy_from_user(char *dst, const char __user *src, long count)
{
	const char *from = (__force const char *)src;
	unsigned long extent;
	long length;

	if (count <= 0)
		return 0;
	if (lkl_foreign)
		return host_foreign_string(lkl_foreign, dst, (unsigned long)src, count);
	extent = lkl_user_extent((unsigned long)src);
	length = strnlen(from, min_t(unsigned long, count, extent));
	if (length == extent && length < count)
		return -EFAULT;
	memcpy(dst, from, min(length + 1, count));
	return length;
}

/* Bytes up to and with the NUL, more than `count` if there is none; 0 for a bad pointer. */
long strnlen_user(const char __user *str, long count)
{
	unsigned long extent;
	long length;

	if (count <= 0)
		return 0;
	if (lkl_foreign) {
		length = host_foreign_string(lkl_foreign, NULL, (unsigned long)str, count);
		return length < 0 ? 0 : length + 1;
	}
	extent = lkl_user_extent((unsigned long)str);
	length = strnlen((__force const char *)str, min_t(unsigned long, count, extent));
	return length == extent && length < count ? 0 : length + 1;
}
