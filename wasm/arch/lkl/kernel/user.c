// SPDX-License-Identifier: GPL-2.0-only
/*
 * User mode, played by the host. A user task asks the host for its next system
 * call; the host answers at once, or later (the task then runs in "user mode",
 * as far as Linux can tell), or says that it has none, and the task sleeps.
 */
#include <linux/interrupt.h>
#include <linux/rcupdate.h>
#include <linux/resume_user_mode.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/signal.h>
#include <linux/syscalls.h>
#include <asm/host.h>
#include <asm/program.h>
#include <asm/syscall.h>

/*
 * Signals on the way back to user mode, as signal(7) has it for interrupted
 * calls: the first handler decides, or the host, if it wants the call to end.
 * Says whether the call is to be made again; once that is decided, it is no
 * call any more for those that follow.
 *
 * A handler of a hosted task is done the moment it is called, as far as Linux
 * can tell, so what it blocks is never blocked: the mask afterwards is the one
 * that sigreturn restores. A program calls its handlers itself, and only then
 * makes the call again: -ERESTARTSYS tells it to.
 */
static void lkl_deliver_signals(struct pt_regs *regs, bool *again)
{
	long ret = regs->ret;
	bool restartable = ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK;
	bool handled = false;
	struct ksignal ksig;

	for (; get_signal(&ksig); handled = true) {
		if (!handled && ret != -ERESTARTNOINTR && !(ret == -ERESTARTSYS && (ksig.ka.sa.sa_flags & SA_RESTART)))
			restartable = false;
		if (lkl_foreign)
			lkl_program_signal(&ksig);
	}
	if (current->thread.interrupted && ret != -ERESTARTNOINTR)
		restartable = false;
	restore_saved_sigmask();
	if (!regs->in_syscall)
		return;
	*again = restartable && !(handled && lkl_foreign);
	if (*again) {
		if (ret == -ERESTART_RESTARTBLOCK)
			regs->nr = __NR_restart_syscall;
	} else if (restartable) {
		regs->ret = -ERESTARTSYS;
	} else if (ret == -ERESTARTSYS || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK) {
		regs->ret = -EINTR;
	}
	if (handled)
		regs->in_syscall = false;
}

/* What every return to user mode owes the kernel. Answers whether the call is to be made again. */
static bool lkl_exit_to_user_mode(struct pt_regs *regs)
{
	bool again = false;

	rcu_note_context_switch(false);		/* user mode is a quiescent state */
	if (local_softirq_pending())		/* RCU frees: a task that never sleeps must not keep ksoftirqd from it */
		do_softirq();
	for (;;) {
		if (need_resched())
			schedule();
		if (test_thread_flag(TIF_SIGPENDING) || test_thread_flag(TIF_NOTIFY_SIGNAL))
			lkl_deliver_signals(regs, &again);
		else if (test_and_clear_thread_flag(TIF_NOTIFY_RESUME))
			resume_user_mode_work(regs);
		else if (!need_resched())
			return again;
	}
}

static void lkl_do_call(struct pt_regs *regs)
{
	if (unlikely(lkl_foreign) && lkl_program_refuses(regs))
		return;
	if ((unsigned int)regs->nr < NR_syscalls)
		regs->ret = lkl_syscalls[regs->nr](regs);
}

static void lkl_syscall(struct pt_regs *regs)
{
	current->thread.interrupted = false;
	do {
		regs->in_syscall = true;
		regs->ret = -ENOSYS;
		/* A filter that refuses the call has set its result. */
		if (likely(!test_thread_flag(TIF_SECCOMP)) || secure_computing() == 0)
			lkl_do_call(regs);
		lkl_clock_advance(LKL_SYSCALL_NS);
		if (lkl_shared.irq_pending)
			local_irq_enable();
	} while (lkl_exit_to_user_mode(regs));
	current->thread.interrupted = false;
	regs->in_syscall = false;
}

/* Nothing to do until the host wakes us: the one place where a user task can be re-entered after a restore. */
static void lkl_user_sleep(struct task_struct *task)
{
	set_current_state(TASK_INTERRUPTIBLE);
	if (!host_user_ready(task) && !signal_pending(task)) {
		task->thread.in_user_loop = true;
		schedule();
		task->thread.in_user_loop = false;
	}
	__set_current_state(TASK_RUNNING);
	lkl_exit_to_user_mode(task_pt_regs(task));
}

void lkl_user_loop(void)
{
	struct task_struct *task = current;
	struct pt_regs *regs = task_pt_regs(task);

	task->thread.in_user_loop = false;
	for (;;) {
		lkl_busy = 0;
		lkl_shared.runnable = !single_task_running();
		if (lkl_user_next(task, task_pid_nr(task), regs))
			lkl_syscall(regs);
		else
			lkl_user_sleep(task);
	}
}

static irqreturn_t lkl_user_interrupt(int irq, void *dev)
{
	unsigned long word;

	while ((word = host_user_wake())) {
		struct task_struct *task = (struct task_struct *)(word & ~(unsigned long)LKL_WAKE_INTERRUPT);

		if (word & LKL_WAKE_INTERRUPT) {
			task->thread.interrupted = true;
			set_notify_signal(task);	/* signal_pending(), and wakes what sleeps interruptibly */
		} else {
			wake_up_process(task);
		}
	}
	return IRQ_HANDLED;
}

static int __init lkl_user_init(void)
{
	return request_irq(LKL_IRQ_USER, lkl_user_interrupt, 0, "user", NULL);
}
core_initcall(lkl_user_init);
