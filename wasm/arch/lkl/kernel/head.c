// SPDX-License-Identifier: GPL-2.0-only
/* The first link input: fixes the order of the tables and marks their starts. */
#include "sections.h"

/* struct sched_class instances are compared by address, highest first. */
SECTION_MARK("__stop_sched_class", __sched_class_highest);
SECTION_MARK("__dl_sched_class", lkl_order_dl);
SECTION_MARK("__rt_sched_class", lkl_order_rt);
SECTION_MARK("__fair_sched_class", lkl_order_fair);
SECTION_MARK("__ext_sched_class", lkl_order_ext);
SECTION_MARK("__idle_sched_class", lkl_order_idle);

SECTION_MARK(".init.setup", __setup_start);

#define INITCALL_LEVEL(level) \
	SECTION_MARK(".initcall" #level ".init", __initcall##level##_start); \
	SECTION_MARK(".initcall" #level "s.init", lkl_order_initcall##level##s)

SECTION_MARK(".initcallearly.init", __initcall_start);
INITCALL_LEVEL(0);
INITCALL_LEVEL(1);
INITCALL_LEVEL(2);
INITCALL_LEVEL(3);
INITCALL_LEVEL(4);
INITCALL_LEVEL(5);
INITCALL_LEVEL(rootfs);
INITCALL_LEVEL(6);
INITCALL_LEVEL(7);

SECTION_MARK(".con_initcall.init", __con_initcall_start);
SECTION_MARK(".data.once", __start_once);

/* Always empty here, so wasm-ld makes no __start/__stop symbols for them. */
SECTION_MARK("lkl_ex_table", __start___ex_table);
SECTION_MARK("lkl_modver", __start___modver);

/* The boot stack, later the idle task's: THREAD_SIZE bytes, aligned to that. */
char init_stack[16384] __attribute__((aligned(16384), section("lkl_init_stack")));
