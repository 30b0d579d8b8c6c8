// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeze and thaw every writable file system on a block device, for the host:
 * from a kernel worker, by superblock. No path, user, limit or namespace of a
 * task that a guest controls is looked at, and one that is mounted nowhere any
 * more but still open is found too.
 *
 * The host calls the export "supers" and interrupts the kernel; the answer is
 * the import "supers_done". A file system that the guest has frozen itself stays
 * so: each holder has a hold of its own.
 */
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/workqueue.h>
#include <asm/host.h>

struct lkl_super {
	struct list_head list;
	struct super_block *sb;
};

static bool lkl_supers_freeze;

/*
 * Take a reference: freezing wants the lock that iterate_supers() holds. What lies in a file of another file system
 * (loop) is younger than that: it freezes first and thaws last.
 */
static void lkl_super_hold(struct super_block *sb, void *list)
{
	bool frozen = sb->s_writers.freeze_kcount;
	struct lkl_super *entry;

	if (!sb->s_bdev || sb_rdonly(sb) || frozen == lkl_supers_freeze)
		return;
	entry = kmalloc(sizeof(*entry), GFP_KERNEL | __GFP_NOFAIL);
	entry->sb = sb;
	atomic_inc(&sb->s_active);
	if (lkl_supers_freeze)
		list_add(&entry->list, list);
	else
		list_add_tail(&entry->list, list);
}

static int lkl_super_freeze(struct super_block *sb)
{
	return sb->s_op->freeze_super ? sb->s_op->freeze_super(sb, FREEZE_HOLDER_KERNEL) :
					freeze_super(sb, FREEZE_HOLDER_KERNEL);
}

static int lkl_super_thaw(struct super_block *sb)
{
	return sb->s_op->thaw_super ? sb->s_op->thaw_super(sb, FREEZE_HOLDER_KERNEL) :
				      thaw_super(sb, FREEZE_HOLDER_KERNEL);
}

static void lkl_supers_work(struct work_struct *work)
{
	static char lines[2048];
	bool freeze = lkl_supers_freeze;
	LIST_HEAD(supers);
	struct lkl_super *entry, *next;
	struct seq_buf out;

	seq_buf_init(&out, lines, sizeof(lines));
	if (freeze)
		ksys_sync();
	iterate_supers(lkl_super_hold, &supers);
	list_for_each_entry_safe(entry, next, &supers, list) {
		struct super_block *sb = entry->sb;
		int ret = freeze ? lkl_super_freeze(sb) : lkl_super_thaw(sb);

		if (ret)
			seq_buf_printf(&out, "%s %s %d\n", sb->s_id, sb->s_type->name, ret);
		deactivate_super(sb);
		kfree(entry);
	}
	host_supers_done(lines, seq_buf_used(&out));
}

static DECLARE_WORK(lkl_supers_todo, lkl_supers_work);

void lkl_supers(u32 freeze);

/* Not 0: freeze; 0: thaw. One at a time: the next after "supers_done". */
LKL_EXPORT("supers") void lkl_supers(u32 freeze)
{
	lkl_supers_freeze = freeze;
	lkl_shared.irq_pending |= 1u << LKL_IRQ_SUPERS;
}

static irqreturn_t lkl_supers_interrupt(int irq, void *dev)
{
	queue_work(system_unbound_wq, &lkl_supers_todo);
	return IRQ_HANDLED;
}

static int __init lkl_supers_init(void)
{
	return request_irq(LKL_IRQ_SUPERS, lkl_supers_interrupt, 0, "supers", NULL);
}
core_initcall(lkl_supers_init);
