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
LKL_IMPORT("user_wake") struct task_struct *host_user_wake(void);
LKL_IMPORT("user_exit") void host_user_exit(struct task_struct *task, int pid, int exit_code);

/* The answer to the export "supers" (kernel/supers.c): a line for each file system that could not be frozen or thawed. */
LKL_IMPORT("supers_done") void host_supers_done(const char *lines, unsigned int length);

/* Through the trampolines of entry.S: these may suspend. */
void lkl_idle(void);
void lkl_task_switch(struct task_struct *prev, struct task_struct *next, unsigned int flags, unsigned long sp);
int lkl_user_next(struct task_struct *task, int pid, struct pt_regs *regs);
unsigned long lkl_stack_pointer(void);

#define LKL_SWITCH_FRESH	1	/* next has never run */
#define LKL_SWITCH_DEAD		2	/* prev never runs again */

/* Memory that both sides read and write. */
struct lkl_shared {
	u64 clock_ns;		/* CLOCK_MONOTONIC as the kernel last saw it */
	u64 timer_ns;		/* when the next timer is due, or LKL_NEVER */
	u32 irq_pending;	/* a bit an interrupt */
	u32 clock_wall;		/* policy: 0 virtual, 1 wall */
	u32 memory_limit;	/* bytes memory may grow to */
	u32 jumps;		/* how often the idle kernel may go on to its timer by itself, without asking the host */
	u64 jump_ns;		/* ... if that is due before this */
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
void lkl_mm_reserve_growth(void);
void lkl_task_main(struct task_struct *task);
void lkl_reenter(struct task_struct *task);
void lkl_forget_waits(struct task_struct *task);
void lkl_resume_idle(void);
void lkl_user_loop(void);

#endif
