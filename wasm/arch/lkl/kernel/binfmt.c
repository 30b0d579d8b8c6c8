// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be executed. A file "#lkl" makes the task one whose user mode the
 * host plays: so pid 1 comes to be without a program. A file "#lkl NAME" is the
 * program which the host knows by that name: a module with a memory of its own
 * (kernel/foreign.c). All else about it is exec's: permissions, CLOEXEC, signals,
 * the end of a vfork, /proc/PID/exe, and scripts that name it.
 */
#include <linux/auxvec.h>
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <asm/host.h>
#include <asm/mmu_context.h>

static const char lkl_magic[] = "#lkl";

#define LKL_AUXV_WORDS	20	/* at most, in pairs, with the end */
#define LKL_RANDOM_BYTES	16

/* Before the strings: argc, both tables with their ends, the auxiliary vector, random bytes. */
static unsigned long lkl_program_words(struct linux_binprm *bprm)
{
	return (1 + bprm->argc + 1 + bprm->envc + 1 + LKL_AUXV_WORDS) * sizeof(u32) + LKL_RANDOM_BYTES;
}

/* Pointers to so many strings, and a 0; both places move on. */
static int lkl_program_table(u32 __user **to, unsigned long *string, int count)
{
	while (count-- > 0) {
		long length = strnlen_user((const char __user *)*string, MAX_ARG_STRLEN);

		if (!length || put_user(*string, (*to)++))
			return -EFAULT;
		*string += length;
	}
	return put_user(0, (*to)++);
}

/* What a program finds where it starts, as on every Linux, in `bytes` of its memory. */
static int lkl_program_arguments(struct linux_binprm *bprm, unsigned long at, unsigned long bytes)
{
	const struct cred *cred = current_cred();
	struct mm_struct *mm = current->mm;
	unsigned long string = at + bytes, random = at + lkl_program_words(bprm) - LKL_RANDOM_BYTES;
	u32 __user *to = (u32 __user *)at;
	u8 chance[LKL_RANDOM_BYTES];

	if (transfer_args_to_stack(bprm, &string))
		return -EFAULT;
	mm->start_stack = at;
	mm->arg_start = string;
	if (put_user(bprm->argc, to++) || lkl_program_table(&to, &string, bprm->argc))
		return -EFAULT;
	mm->arg_end = mm->env_start = string;
	if (lkl_program_table(&to, &string, bprm->envc))
		return -EFAULT;
	mm->env_end = string;

	const unsigned long auxv[LKL_AUXV_WORDS] = {
		AT_PAGESZ, PAGE_SIZE,
		AT_CLKTCK, USER_HZ,
		AT_UID, from_kuid_munged(cred->user_ns, cred->uid),
		AT_EUID, from_kuid_munged(cred->user_ns, cred->euid),
		AT_GID, from_kgid_munged(cred->user_ns, cred->gid),
		AT_EGID, from_kgid_munged(cred->user_ns, cred->egid),
		AT_SECURE, bprm->secureexec,
		AT_RANDOM, random,
		AT_EXECFN, bprm->exec,
		AT_NULL, 0,
	};

	BUILD_BUG_ON(LKL_AUXV_WORDS > AT_VECTOR_SIZE);
	memcpy(mm->saved_auxv, auxv, sizeof(auxv));
	get_random_bytes(chance, sizeof(chance));
	if (copy_to_user(to, auxv, sizeof(auxv)) || copy_to_user((void __user *)random, chance, sizeof(chance)))
		return -EFAULT;
	return 0;
}

static int lkl_exec(struct linux_binprm *bprm)
{
	int ret = begin_new_exec(bprm);

	if (!ret)
		setup_new_exec(bprm);
	return ret;
}

static int lkl_load_program(struct linux_binprm *bprm, const char *name, unsigned int length)
{
	unsigned long strings = MAX_ARG_PAGES * PAGE_SIZE - bprm->p;
	unsigned long bytes = ALIGN(lkl_program_words(bprm), 16) + ALIGN(strings, 16);
	u32 at;
	int ret, number = host_exec_load(name, length, bytes, &at);

	if (number < 0)
		return number;
	bprm->mm->context.foreign = number;	/* ends with it, should the rest fail */
	ret = lkl_exec(bprm) ?: lkl_program_arguments(bprm, at, bytes);
	if (ret)
		return ret;
	finalize_exec(bprm);
	host_exec_start(current, task_pid_nr(current), number, at);
	return 0;
}

static int lkl_load_binary(struct linux_binprm *bprm)
{
	const char *rest = bprm->buf + sizeof(lkl_magic) - 1;
	const char *end = memchr(bprm->buf, '\n', sizeof(bprm->buf));
	int ret;

	if (memcmp(bprm->buf, lkl_magic, sizeof(lkl_magic) - 1) || !end)
		return -ENOEXEC;
	if (*rest == ' ')
		return lkl_load_program(bprm, rest + 1, end - rest - 1);
	if (rest != end)
		return -ENOEXEC;
	ret = lkl_exec(bprm);
	if (!ret)
		finalize_exec(bprm);
	return ret;
}

static struct linux_binfmt lkl_binfmt = {
	.load_binary	= lkl_load_binary,
};

static int __init lkl_init_file(void)
{
	static const char text[] __initconst = "#lkl\n";
	struct file *file;
	loff_t pos = 0;

	register_binfmt(&lkl_binfmt);
	file = filp_open("/init", O_WRONLY | O_CREAT, 0755);
	if (IS_ERR(file))
		return PTR_ERR(file);
	kernel_write(file, text, sizeof(text) - 1, &pos);
	fput(file);
	/* The last reference goes in deferred work; exec of a file still open for writing is ETXTBSY. */
	flush_delayed_fput();
	task_work_run();
	return 0;
}
late_initcall(lkl_init_file);
