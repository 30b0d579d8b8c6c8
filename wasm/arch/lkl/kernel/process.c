// SPDX-License-Identifier: GPL-2.0-only
/* Tasks: each one is a stack of the host's engine, parked and resumed by it. */
#include <linux/cpu.h>
#include <linux/ptrace.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <asm/host.h>
#include <asm/mmu_context.h>
#include <asm/switch_to.h>

struct task_struct *lkl_current = &init_task;
static struct task_struct *lkl_switched_from;

static unsigned long lkl_stack_top(struct task_struct *task)
{
	return (unsigned long)task_stack_page(task) + THREAD_SIZE - 16;
}

struct task_struct *__switch_to(struct task_struct *prev, struct task_struct *next)
{
	unsigned long sp = lkl_stack_pointer();
	unsigned int flags = 0;

	if (unlikely(sp < (unsigned long)task_stack_page(prev) + LKL_STACK_GUARD))
		panic("kernel stack overflow in %s", prev->comm);
	if (!next->thread.started) {
		next->thread.started = true;
		flags |= LKL_SWITCH_FRESH;
	}
	/* Asleep since before a restore: it starts on an empty stack, over the old one. */
	if (unlikely(next->thread.life != lkl_life)) {
		next->thread.life = lkl_life;
		lkl_forget_waits(next);
	}
	if (READ_ONCE(prev->__state) == TASK_DEAD)
		flags |= LKL_SWITCH_DEAD;
	prev->thread.sp = sp;
	lkl_switched_from = prev;
	lkl_current = next;
	/* After a restore a started task has no engine stack either: the host enters it once more. */
	lkl_task_switch(prev, next, flags, lkl_stack_top(next));
	return lkl_switched_from;
}

/* The first function on every new engine stack: for a new task, or one re-entered after a restore. */
void lkl_task_main(struct task_struct *task)
{
	bool again = task->thread.entered;

	task->thread.entered = true;
	schedule_tail(lkl_switched_from);
	if (again)
		lkl_reenter(task);
	else if (task->thread.fn)
		task->thread.fn(task->thread.arg);
	/* A kernel thread that returns here has exec'd; a process was cloned by another one. */
	lkl_user_loop();
}

int copy_thread(struct task_struct *task, const struct kernel_clone_args *args)
{
	task->thread = (struct thread_struct) {
		.fn	= args->fn,
		.arg	= args->fn_arg,
		.life	= lkl_life,
	};
	if (lkl_foreign && !args->fn)
		host_user_clone(current, task, args->flags, task->mm->context.foreign);
	return 0;
}

void exit_thread(struct task_struct *task)
{
	if (!(task->flags & (PF_KTHREAD | PF_USER_WORKER)))
		host_user_exit(task, task_pid_nr(task), task->exit_code);
}

void flush_thread(void)
{
}

void arch_cpu_idle(void)
{
	lkl_busy = 0;
	if (!lkl_clock_jump())
		lkl_idle();
}

void show_regs(struct pt_regs *regs)
{
	show_regs_print_info(KERN_DEFAULT);
}

/* Engine stacks cannot be walked from within. */
void show_stack(struct task_struct *task, unsigned long *sp, const char *level)
{
}

unsigned long __get_wchan(struct task_struct *task)
{
	return 0;
}

void ptrace_disable(struct task_struct *task)
{
}

long arch_ptrace(struct task_struct *task, long request, unsigned long addr, unsigned long data)
{
	return -EIO;
}
