/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_MMU_H
#define _ASM_LKL_MMU_H

#ifndef __ASSEMBLY__

typedef struct {
	unsigned long end_brk;
	unsigned int foreign;	/* not 0: user memory is the host's memory of this number, not ours (kernel/uaccess.c) */
} mm_context_t;

#endif

#endif
