/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts are a flag; enabling them takes what is pending (kernel/irq.c). */
#ifndef _ASM_LKL_IRQFLAGS_H
#define _ASM_LKL_IRQFLAGS_H

#include <linux/compiler.h>

extern unsigned long lkl_irqs_enabled;

void arch_local_irq_restore(unsigned long flags);

static __always_inline unsigned long arch_local_save_flags(void)
{
	return lkl_irqs_enabled;
}

static __always_inline bool arch_irqs_disabled_flags(unsigned long flags)
{
	return !flags;
}

static __always_inline bool arch_irqs_disabled(void)
{
	return !lkl_irqs_enabled;
}

static __always_inline void arch_local_irq_disable(void)
{
	lkl_irqs_enabled = 0;
	barrier();
}

static __always_inline void arch_local_irq_enable(void)
{
	arch_local_irq_restore(1);
}

static __always_inline unsigned long arch_local_irq_save(void)
{
	unsigned long flags = lkl_irqs_enabled;

	arch_local_irq_disable();
	return flags;
}

#endif
