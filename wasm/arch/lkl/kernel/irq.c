// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts. Nothing interrupts wasm: the host, or the clock, sets a bit of
 * lkl_shared.irq_pending, and the kernel takes it the next time it enables
 * interrupts, which it does all the time.
 */
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <asm/host.h>
#include <asm/irq_regs.h>

unsigned long lkl_irqs_enabled;

/*
 * How often interrupts were enabled since the kernel was last idle or gave a
 * user task its result. Nobody can stop wasm that runs, so a loop that a
 * damaged file system leads into must be found from within.
 */
unsigned int lkl_busy;
#define LKL_LOCKUP	(24414 * 4096)	/* a multiple of LKL_LOOK */

/*
 * So often is the wall clock looked at meanwhile. A loop that reads no clock
 * would else have no tick and never be asked to let others run: the rescuer of
 * a workqueue that waits for a worker goes round until one is made, by a thread
 * that it keeps from running. Virtual time does not pass in such a loop, and no
 * timer that leads into it can be due.
 */
#define LKL_LOOK	4096

static void lkl_take_irqs(void)
{
	static struct pt_regs no_regs;
	struct pt_regs *old_regs = set_irq_regs(&no_regs);

	irq_enter();
	while (lkl_shared.irq_pending) {
		unsigned int irq = __ffs(lkl_shared.irq_pending);

		lkl_shared.irq_pending &= ~(1u << irq);
		generic_handle_irq(irq);
	}
	irq_exit();
	set_irq_regs(old_regs);
}

void arch_local_irq_restore(unsigned long flags)
{
	barrier();
	if (unlikely(++lkl_busy % LKL_LOOK == 0)) {
		if (lkl_shared.clock_wall)
			lkl_clock_advance(0);
		if (lkl_busy >= LKL_LOCKUP)
			panic("soft lockup in %s", current->comm);
	}
	while (flags && lkl_shared.irq_pending) {
		lkl_irqs_enabled = 0;
		lkl_take_irqs();
	}
	lkl_irqs_enabled = flags;
	barrier();
}

void __init init_IRQ(void)
{
	for (int irq = 0; irq < NR_IRQS; irq++)
		irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_simple_irq);
}
