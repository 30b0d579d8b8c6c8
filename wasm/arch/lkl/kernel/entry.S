/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where stacks change hands. A task's frames live on two stacks: the engine's,
 * which JSPI suspends and resumes, and the C stack in linear memory, whose
 * pointer is one wasm global for all tasks. While a task is suspended others
 * move that global, so each import that may suspend is called through a
 * trampoline that keeps the pointer in a local, on the task's own engine stack.
 * Restoring it from the host is too late: two tasks may wake in one turn.
 */
	.globaltype	__stack_pointer, i32

/* lkl_NAME(args): host import NAME, with the C stack pointer kept across it. */
	.functype	host_idle () -> ()
	.import_module	host_idle, host
	.import_name	host_idle, idle

	.text
	.globl	lkl_idle
	.type	lkl_idle,@function
lkl_idle:
	.functype	lkl_idle () -> ()
	.local	i32
	global.get	__stack_pointer
	local.set	0
	call	host_idle
	local.get	0
	global.set	__stack_pointer
	end_function

	.functype	host_task_switch (i32, i32, i32, i32) -> ()
	.import_module	host_task_switch, host
	.import_name	host_task_switch, task_switch

	.globl	lkl_task_switch
	.type	lkl_task_switch,@function
lkl_task_switch:
	.functype	lkl_task_switch (i32, i32, i32, i32) -> ()
	.local	i32
	global.get	__stack_pointer
	local.set	4
	local.get	0
	local.get	1
	local.get	2
	local.get	3
	call	host_task_switch
	local.get	4
	global.set	__stack_pointer
	end_function

	.functype	host_user_next (i32, i32, i32) -> (i32)
	.import_module	host_user_next, host
	.import_name	host_user_next, user_next

	.globl	lkl_user_next
	.type	lkl_user_next,@function
lkl_user_next:
	.functype	lkl_user_next (i32, i32, i32) -> (i32)
	.local	i32, i32
	global.get	__stack_pointer
	local.set	3
	local.get	0
	local.get	1
	local.get	2
	call	host_user_next
	local.set	4
	local.get	3
	global.set	__stack_pointer
	local.get	4
	end_function

	.globl	lkl_stack_pointer
	.type	lkl_stack_pointer,@function
lkl_stack_pointer:
	.functype	lkl_stack_pointer () -> (i32)
	global.get	__stack_pointer
	end_function

/* Exports: each begins a new engine stack on a given C stack. */
	.functype	lkl_task_main (i32) -> ()
	.functype	start_kernel () -> ()
	.functype	lkl_resume_idle () -> ()

	.globl	lkl_task_entry
	.type	lkl_task_entry,@function
	.export_name	lkl_task_entry, task_entry
lkl_task_entry:
	.functype	lkl_task_entry (i32, i32) -> ()
	local.get	1
	global.set	__stack_pointer
	local.get	0
	call	lkl_task_main
	end_function

	.globl	lkl_start
	.type	lkl_start,@function
	.export_name	lkl_start, start
lkl_start:
	.functype	lkl_start () -> ()
	i32.const	init_stack+16368
	global.set	__stack_pointer
	call	start_kernel
	end_function

/* The idle task has nothing below its top after a restore: it starts anew. */
	.globl	lkl_resume
	.type	lkl_resume,@function
	.export_name	lkl_resume, resume
lkl_resume:
	.functype	lkl_resume () -> ()
	i32.const	init_stack+16368
	global.set	__stack_pointer
	call	lkl_resume_idle
	end_function
