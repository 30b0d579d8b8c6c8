/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boundary with the host: every import, and the memory both sides share.
 * Twins: src/abi/imports.ts, src/abi/exports.ts and src/abi/shared.ts. The
 * layouts and numbers are held equal by kernel/abi.c, which `npm run abi`
 * writes from shared.ts; the signatures by test/kernel/boundary.test.ts, which
 * reads the binary. Imports that may suspend are in entry.S.
 */
#ifndef _ASM_LKL_HOST_H
#define _ASM_LKL_HOST_H

#include <linux/types.h>

#define LKL_IMPORT(name) __attribute__((import_module("host"), import_name(name)))
#define LKL_EXPORT(name) __attribute__((export_name(name), used))

struct lkl_signal_frame;
struct pt_regs;
struct task_struct;

/* Console, end of the kernel, boot parameters. */
LKL_IMPORT("console_write") void host_console_write(const char *text, unsigned int length);
LKL_IMPORT("panic") void host_panic(const char *message, unsigned int length);	/* does not return */
LKL_IMPORT("command_line") unsigned int host_command_line(char *to, unsigned int max);
LKL_IMPORT("entropy") void host_entropy(void *to, unsigned int length);

/* Clocks, in nanoseconds; doubles are exact for 104 days and cheaper than 64-bit integers. */
LKL_IMPORT("clock_now") double host_clock_now(void);
LKL_IMPORT("clock_realtime") double host_clock_realtime(void);

/* Devices: loads and stores of 1, 2 or 4 bytes. */
LKL_IMPORT("mmio_read") u32 host_mmio_read(u32 address, u32 size);
LKL_IMPORT("mmio_write") void host_mmio_write(u32 address, u32 value, u32 size);

/* User tasks. */
LKL_IMPORT("user_ready") int host_user_ready(struct task_struct *task);
LKL_IMPORT("user_wake") unsigned long host_user_wake(void);	/* a task, LKL_WAKE_INTERRUPT with it, or 0 */
LKL_IMPORT("user_exit") void host_user_exit(struct task_struct *task, int pid, int exit_code);

/*
 * Programs: modules of the host's, each with a memory of its own that has a
 * number there (kernel/uaccess.c, kernel/binfmt.c, kernel/program.c).
 */
LKL_IMPORT("foreign_copy") unsigned long host_foreign_copy(unsigned int number, void *ours, unsigned long theirs,
							   unsigned long n, unsigned int what);
LKL_IMPORT("foreign_string") long host_foreign_string(unsigned int number, char *ours, unsigned long theirs, long count);
LKL_IMPORT("foreign_fork") int host_foreign_fork(unsigned int number);
LKL_IMPORT("foreign_end") void host_foreign_end(unsigned int number);
LKL_IMPORT("exec_load") int host_exec_load(const char *name, unsigned int length, unsigned int bytes, u32 *at);
LKL_IMPORT("exec_start") void host_exec_start(struct task_struct *task, int pid, unsigned int number, unsigned long sp);
LKL_IMPORT("user_clone") void host_user_clone(struct task_struct *parent, struct task_struct *child, unsigned int flags,
					      unsigned int number);
LKL_IMPORT("user_signal") void host_user_signal(struct task_struct *task, const struct lkl_signal_frame *frame);

/* The answer to the export "supers" (kernel/supers.c): a line for each file system that could not be frozen or thawed. */
LKL_IMPORT("supers_done") void host_supers_done(const char *lines, unsigned int length);

/* Through the trampolines of entry.S: these may suspend. */
void lkl_idle(void);
void lkl_task_switch(struct task_struct *prev, struct task_struct *next, unsigned int flags, unsigned long sp);
int lkl_user_next(struct task_struct *task, int pid, struct pt_regs *regs);
unsigned long lkl_stack_pointer(void);

#define LKL_SWITCH_FRESH	1	/* next has never run */
#define LKL_SWITCH_DEAD		2	/* prev never runs again */

#define LKL_WAKE_INTERRUPT	1	/* with a task from "user_wake": its call is to end with EINTR */

#define LKL_FOREIGN_READ	0	/* what "foreign_copy" does: theirs to ours */
#define LKL_FOREIGN_WRITE	1	/* ours to theirs */
#define LKL_FOREIGN_CLEAR	2	/* zeros to theirs */

/* Memory that both sides read and write. */
struct lkl_shared {
	u64 clock_ns;		/* CLOCK_MONOTONIC as the kernel last saw it */
	u64 timer_ns;		/* when the next timer is due, or LKL_NEVER */
	u32 irq_pending;	/* a bit an interrupt */
	u32 clock_wall;		/* policy: 0 virtual, 1 wall */
	u32 memory_limit;	/* bytes memory may grow to */
	u32 jumps;		/* how often the idle kernel may go on to its timer by itself, without asking the host */
	u64 jump_ns;		/* ... if that is due before this */
	u32 runnable;		/* in user mode: other tasks could run */
	u32 spare;
};

extern struct lkl_shared lkl_shared;

/* A row of what the export "task_list" answers. */
struct lkl_task_info {
	s32 pid;
	u32 state;		/* task_struct.__state */
	u32 flags;		/* PF_* */
	u32 in_user_loop;
	u32 stack;		/* lowest address */
	u32 sp;
	char comm[16];		/* TASK_COMM_LEN */
};

/* A handler of a program's that is to be called; the program gets it as it is. */
struct lkl_signal_frame {
	s32 sig;
	u32 flags;		/* SA_* */
	u32 handler;
	s32 code;
	u64 old_mask;		/* to restore when the handler has returned */
	u8 info[128];		/* siginfo_t */
};

#define LKL_NEVER		(~0ULL)
#define LKL_SYSCALL_NS		100	/* virtual time of a system call */
#define LKL_RELAX_NS		1000	/* virtual time of a turn of a busy wait */
#define LKL_STACK_GUARD		512	/* bytes of a C stack that must stay free at a switch */

#define LKL_IRQ_TIMER		1
#define LKL_IRQ_USER		2
#define LKL_IRQ_SUPERS		3
#define LKL_IRQ_VIRTIO		8	/* one a slot */

#define LKL_VIRTIO_BASE		0xf0000000
#define LKL_VIRTIO_STRIDE	0x200
#define LKL_VIRTIO_SLOTS	24

extern unsigned int lkl_busy;
extern unsigned int lkl_life;		/* restores so far */

u64 lkl_clock_advance(u64 ns);
bool lkl_clock_jump(void);
void lkl_mm_setup(void);
void lkl_mm_reserve_map(void);
void lkl_mm_reserve_growth(void);
void lkl_task_main(struct task_struct *task);
void lkl_reenter(struct task_struct *task);
void lkl_forget_waits(struct task_struct *task);
void lkl_resume_idle(void);
void lkl_user_loop(void);

#endif
