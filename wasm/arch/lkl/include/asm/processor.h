/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_PROCESSOR_H
#define _ASM_LKL_PROCESSOR_H

#include <asm/ptrace.h>

struct task_struct;

struct thread_struct {
	int (*fn)(void *);		/* what a kernel thread runs */
	void *arg;
	unsigned long sp;		/* C stack pointer at the last switch away */
	unsigned int life;		/* lkl_life when it was made or last switched to */
	bool started;			/* was switched to */
	bool entered;			/* lkl_task_main() ran */
	bool in_user_loop;		/* sleeps in lkl_user_loop(): can be re-entered there */
	bool interrupted;		/* the host wants its call to end */
	struct pt_regs regs;
};

#define INIT_THREAD { .started = true, .entered = true }

#define TASK_SIZE		0xffffffffUL
#define TASK_UNMAPPED_BASE	0
#define STACK_TOP		TASK_SIZE
#define STACK_TOP_MAX		TASK_SIZE

#define task_pt_regs(task)	(&(task)->thread.regs)
#define KSTK_EIP(task)		0UL
#define KSTK_ESP(task)		0UL

void cpu_relax(void);
unsigned long __get_wchan(struct task_struct *task);

static inline void start_thread(struct pt_regs *regs, unsigned long ip, unsigned long sp)
{
}

#endif
