// SPDX-License-Identifier: GPL-2.0-only
/* Busy waits let the clock pass instead of burning time. */
#include <linux/delay.h>
#include <linux/time64.h>
#include <asm/host.h>

void __delay(unsigned long loops)
{
	lkl_clock_advance(loops);
}

void __ndelay(unsigned long ns)
{
	lkl_clock_advance(ns);
}

void __udelay(unsigned long us)
{
	lkl_clock_advance((u64)us * NSEC_PER_USEC);
}

/* `xloops` is microseconds times 2^32 / 10^6. */
void __const_udelay(unsigned long xloops)
{
	lkl_clock_advance(((u64)xloops * NSEC_PER_SEC) >> 32);
}
