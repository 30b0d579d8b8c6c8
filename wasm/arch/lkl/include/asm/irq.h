/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_IRQ_H
#define _ASM_LKL_IRQ_H

#define NR_IRQS 32	/* the bits of lkl_shared.irq_pending */

#include <asm-generic/irq.h>

#endif
