// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot and restore, the kernel's half. Engine stacks cannot be saved, so a
 * snapshot is taken only while each task waits at a place where it can start
 * over: a user task in its loop, a kernel thread in its thread function's top
 * wait. The host asks for the list of tasks and decides (src/kernel/snapshot.ts
 * has the table); after a restore each is re-entered below its old frames, so
 * that wait entries and timers that live there stay valid.
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
#include <asm/host.h>

struct lkl_task_info {
	s32 pid;
	u32 state;		/* task_struct.__state */
	u32 flags;		/* PF_* */
	u32 in_user_loop;
	u32 stack;		/* lowest address */
	u32 sp;
	char comm[TASK_COMM_LEN];
};

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

/*
 * Kernel threads whose function starts with timer_setup() or the like must run
 * through it while all is quiet, not on their first wake-up with the timer
 * armed. Workers and hotplug threads only look for work: they can wait.
 */
static void lkl_wake_kthreads(void)
{
	struct task_struct *task;

	for_each_process(task) {
		unsigned int state = READ_ONCE(task->__state);

		if (!(task->flags & PF_KTHREAD) || (task->flags & PF_WQ_WORKER) || task == kthreadd_task)
			continue;
		if (state == TASK_INTERRUPTIBLE || state == TASK_IDLE)
			wake_up_process(task);
	}
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

	raw_local_irq_enable();
	tick_nohz_idle_exit();
	lkl_reseed();
	read_persistent_clock64(&now);
	do_settimeofday64(&now);
	lkl_wake_kthreads();
	schedule_preempt_disabled();
	cpu_startup_entry(CPUHP_ONLINE);
}
