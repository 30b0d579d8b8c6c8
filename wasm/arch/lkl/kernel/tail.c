// SPDX-License-Identifier: GPL-2.0-only
/* The last link input: marks the ends of the tables. */
#include "sections.h"

SECTION_MARK("__idle_sched_class", __sched_class_lowest);
SECTION_MARK(".init.setup", __setup_end);
SECTION_MARK(".initcall7s.init", __initcall_end);
SECTION_MARK(".con_initcall.init", __con_initcall_end);
SECTION_MARK(".data.once", __end_once);
SECTION_MARK("lkl_ex_table", __stop___ex_table);
SECTION_MARK("lkl_modver", __stop___modver);

/* Code has no addresses, and data is neither protected nor freed: these ranges are empty. */
#define EMPTY_RANGE(start, end) \
	char start[4] __attribute__((used)); \
	char end[4] __attribute__((used))

EMPTY_RANGE(_stext, _etext);
EMPTY_RANGE(_sinittext, _einittext);
EMPTY_RANGE(__sched_text_start, __sched_text_end);
EMPTY_RANGE(__lock_text_start, __lock_text_end);
EMPTY_RANGE(__kprobes_text_start, __kprobes_text_end);
EMPTY_RANGE(__entry_text_start, __entry_text_end);
EMPTY_RANGE(__irqentry_text_start, __irqentry_text_end);
EMPTY_RANGE(__softirqentry_text_start, __softirqentry_text_end);
EMPTY_RANGE(__noinstr_text_start, __noinstr_text_end);
EMPTY_RANGE(__cpuidle_text_start, __cpuidle_text_end);
EMPTY_RANGE(__init_begin, __init_end);
EMPTY_RANGE(_sdata, _edata);
EMPTY_RANGE(__start_rodata, __end_rodata);
EMPTY_RANGE(__start_ro_after_init, __end_ro_after_init);
EMPTY_RANGE(__bss_start, __bss_stop);
EMPTY_RANGE(__start_notes, __stop_notes);
EMPTY_RANGE(_text, _data);
