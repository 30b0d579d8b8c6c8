/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel/user.c asks for tasks of programs: kernel/program.c. */
#ifndef _ASM_LKL_PROGRAM_H
#define _ASM_LKL_PROGRAM_H

#include <linux/types.h>

struct ksignal;
struct pt_regs;

extern unsigned int lkl_foreign;	/* not 0: the mm in use is a program's */

void lkl_program_signal(struct ksignal *ksig);
bool lkl_program_refuses(struct pt_regs *regs);

#endif
