// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock. Its value lives in lkl_shared, where the host can see and move it.
 *
 * Virtual policy: time passes only when the kernel is idle (it jumps to the
 * next timer) and a nanosecond at each reading, so that a loop that waits for
 * time to pass ends. Wall policy: the host is asked, and the answer is made
 * strictly monotonic.
 */
#include <linux/clockchips.h>
#include <linux/clocksource.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/sched/clock.h>
#include <linux/timekeeping.h>
#include <asm/host.h>

/* The timer is due: it becomes a pending interrupt, and there is none until the kernel sets the next. */
static void lkl_timer_fire(void)
{
	lkl_shared.timer_ns = LKL_NEVER;
	lkl_shared.irq_pending |= 1u << LKL_IRQ_TIMER;
}

/* Let `ns` pass; fires the timer if it is due. */
u64 lkl_clock_advance(u64 ns)
{
	struct lkl_shared *s = &lkl_shared;

	s->clock_ns += ns;
	if (s->clock_wall) {
		u64 wall = (u64)host_clock_now();

		if (wall > s->clock_ns)
			s->clock_ns = wall;
	}
	if (s->clock_ns >= s->timer_ns)
		lkl_timer_fire();
	return s->clock_ns;
}

/* Idle under the virtual policy: go to the next timer, as the host would. Answers false where it is to be asked. */
bool lkl_clock_jump(void)
{
	struct lkl_shared *s = &lkl_shared;

	if (s->irq_pending)
		return true;
	if (!s->jumps || s->timer_ns >= s->jump_ns)
		return false;
	s->jumps--;
	if (s->timer_ns > s->clock_ns)
		s->clock_ns = s->timer_ns;
	lkl_timer_fire();
	return true;
}

unsigned long long notrace sched_clock(void)
{
	return lkl_clock_advance(1);
}

/* A busy wait: let enough time pass for the wait to end soon, and interrupts in. */
void cpu_relax(void)
{
	lkl_clock_advance(LKL_RELAX_NS);
	if (lkl_shared.irq_pending && lkl_irqs_enabled)
		arch_local_irq_restore(lkl_irqs_enabled);
}

static u64 lkl_clock_read(struct clocksource *cs)
{
	return lkl_clock_advance(1);
}

static struct clocksource lkl_clocksource = {
	.name	= "lkl",
	.rating	= 499,
	.read	= lkl_clock_read,
	.flags	= CLOCK_SOURCE_IS_CONTINUOUS,
	.mask	= CLOCKSOURCE_MASK(64),
};

static int lkl_timer_set_next(unsigned long delta_ns, struct clock_event_device *dev)
{
	lkl_shared.timer_ns = lkl_shared.clock_ns + delta_ns;
	return 0;
}

static int lkl_timer_shutdown(struct clock_event_device *dev)
{
	lkl_shared.timer_ns = LKL_NEVER;
	return 0;
}

static struct clock_event_device lkl_timer = {
	.name			= "lkl",
	.rating			= 400,
	.features		= CLOCK_EVT_FEAT_ONESHOT,
	.set_state_shutdown	= lkl_timer_shutdown,
	.set_next_event		= lkl_timer_set_next,
	.irq			= LKL_IRQ_TIMER,
};

static irqreturn_t lkl_timer_interrupt(int irq, void *dev)
{
	lkl_timer.event_handler(&lkl_timer);
	return IRQ_HANDLED;
}

void read_persistent_clock64(struct timespec64 *ts)
{
	*ts = ns_to_timespec64((s64)host_clock_realtime());
}

void __init time_init(void)
{
	lpj_fine = 1000000;
	if (request_irq(LKL_IRQ_TIMER, lkl_timer_interrupt, IRQF_NOBALANCING | IRQF_TIMER, "timer", NULL))
		panic("no timer interrupt");
	clocksource_register_khz(&lkl_clocksource, NSEC_PER_SEC / 1000);
	lkl_timer.cpumask = cpumask_of(0);
	clockevents_config_and_register(&lkl_timer, NSEC_PER_SEC, 1, 0x7fffffff);
}
