// SPDX-License-Identifier: GPL-2.0-only
/*
 * How pid 1 comes to be without a program: /init holds only a magic word, and
 * exec of such a file makes the task one whose user mode the host plays.
 */
#include <linux/binfmts.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/task_work.h>

static const char lkl_magic[] = "#lkl\n";

static int lkl_load_binary(struct linux_binprm *bprm)
{
	int ret;

	if (memcmp(bprm->buf, lkl_magic, sizeof(lkl_magic) - 1))
		return -ENOEXEC;
	ret = begin_new_exec(bprm);
	if (ret)
		return ret;
	setup_new_exec(bprm);
	finalize_exec(bprm);
	return 0;
}

static struct linux_binfmt lkl_binfmt = {
	.load_binary	= lkl_load_binary,
};

static int __init lkl_init_file(void)
{
	struct file *file;
	loff_t pos = 0;

	register_binfmt(&lkl_binfmt);
	file = filp_open("/init", O_WRONLY | O_CREAT, 0755);
	if (IS_ERR(file))
		return PTR_ERR(file);
	kernel_write(file, lkl_magic, sizeof(lkl_magic) - 1, &pos);
	fput(file);
	/* The last reference goes in deferred work; exec of a file still open for writing is ETXTBSY. */
	flush_delayed_fput();
	task_work_run();
	return 0;
}
late_initcall(lkl_init_file);
