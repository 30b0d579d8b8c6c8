// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot and restore, the kernel's half. Engine stacks cannot be saved, so a
 * snapshot is taken only while each task waits at a place where it can start
 * over: a user task in its loop, a kernel thread in its thread function's top
 * wait. The host asks for the list of tasks and decides (src/kernel/snapshot/snapshot.ts
 * has the table); after a restore each is entered anew, on an empty C stack,
 * when it is first switched to. So nothing that lives on its old one may stay
 * linked: wait entries are taken out of their queues then, and the timers of
 * those that sleep with a timeout out of the timer wheel.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/tick.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <asm/host.h>

unsigned int lkl_task_list(struct lkl_task_info *info, unsigned int max);

/* Describe up to `max` tasks, the idle task left out; answers how many there are. */
LKL_EXPORT("task_list") unsigned int lkl_task_list(struct lkl_task_info *info, unsigned int max)
{
	struct task_struct *group, *task;
	unsigned int n = 0;

	for_each_process_thread(group, task) {
		if (n++ >= max)
			continue;
		*info = (struct lkl_task_info) {
			.pid		= task->pid,
			.state		= READ_ONCE(task->__state),
			.flags		= task->flags,
			.in_user_loop	= task->thread.in_user_loop,
			.stack		= (u32)task_stack_page(task),
			.sp		= task->thread.sp,
		};
		memcpy(info->comm, task->comm, TASK_COMM_LEN);
		info++;
	}
	return n;
}

void lkl_reenter(struct task_struct *task)
{
	if (task->thread.in_user_loop)
		lkl_user_loop();
	if (task == kthreadd_task)
		task->thread.fn(task->thread.arg);
	else if (task->flags & PF_KTHREAD)
		kthread_exit(((int (*)(void *))kthread_func(task))(kthread_data(task)));
	panic("task %s cannot be re-entered", task->comm);
}

unsigned int lkl_life;

/* What schedule_timeout() has on its stack: struct process_timer of kernel/time/timer.c. */
struct lkl_sleep {
	struct timer_list timer;
	struct task_struct *task;
};

/* The timer of a thread that something else woke than that timer. */
static void lkl_forget_sleep(struct lkl_sleep *sleep)
{
	struct hlist_node **pprev = sleep->timer.entry.pprev;

	if (virt_addr_valid(pprev) && *pprev == &sleep->timer.entry)
		timer_delete(&sleep->timer);
}

/*
 * Take the wait entries and timers on a sleeping task's old stack out of their lists, before anything else is put
 * there. They are found by what they hold: the task, a wake function, and links that agree.
 */
void lkl_forget_waits(struct task_struct *task)
{
	unsigned long top = (unsigned long)task_stack_page(task) + THREAD_SIZE;

	for (unsigned long at = ALIGN(task->thread.sp, 4); at + sizeof(struct wait_queue_entry) <= top; at += 4) {
		struct wait_queue_entry *entry = (struct wait_queue_entry *)at;

		if (entry->private != task ||
		    (entry->func != autoremove_wake_function && entry->func != default_wake_function))
			continue;
		if (virt_addr_valid(entry->entry.next) && entry->entry.next->prev == &entry->entry)
			list_del_init(&entry->entry);
	}
	for (unsigned long at = ALIGN(task->thread.sp, 4); at + sizeof(struct lkl_sleep) <= top; at += 4) {
		struct lkl_sleep *sleep = (struct lkl_sleep *)at;

		if (sleep->task == task)
			lkl_forget_sleep(sleep);
	}
}

/*
 * Most kernel threads go on the first time something wakes them. A journal's begins with timer_setup(): it must run
 * through that while all is quiet, not on its first wake-up with the timer armed.
 */
static void lkl_wake_journals(void)
{
	struct task_struct *task;

	for_each_process(task)
		if ((task->flags & PF_KTHREAD) && strstarts(task->comm, "jbd2/"))
			wake_up_process(task);
}

/* Nothing random may be shared between two kernels of one snapshot; as vmgenid does it for cloned VMs. */
static void lkl_reseed(void)
{
	u8 seed[32];

	host_entropy(seed, sizeof(seed));
	add_device_randomness(seed, sizeof(seed));
	memzero_explicit(seed, sizeof(seed));
	random_fops.unlocked_ioctl(NULL, RNDRESEEDCRNG, 0);
}

/* The idle task after a restore, as if arch_cpu_idle() had just returned. */
void lkl_resume_idle(void)
{
	struct timespec64 now;

	current->thread.life = ++lkl_life;
	raw_local_irq_enable();
	tick_nohz_idle_exit();
	lkl_reseed();
	read_persistent_clock64(&now);
	do_settimeofday64(&now);
	lkl_wake_journals();
	schedule_preempt_disabled();
	cpu_startup_entry(CPUHP_ONLINE);
}
