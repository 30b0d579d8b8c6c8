// SPDX-License-Identifier: GPL-2.0-only
/* Physical memory is the linear memory: one zone, flat, from address 0. */
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <asm/host.h>

char lkl_zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);
unsigned long lkl_memory_end;
extern char __heap_base[];

unsigned long lkl_memory_used(void);

/* Bytes of memory in use from address 0; the linear memory may be larger. */
LKL_EXPORT("memory_used") unsigned long lkl_memory_used(void)
{
	return lkl_memory_end;
}

void __init lkl_mm_setup(void)
{
	unsigned long max_zone_pfn[MAX_NR_ZONES] = { 0 };

	lkl_memory_end = __builtin_wasm_memory_size(0) << 16;
	memblock_add(0, lkl_memory_end);
	memblock_reserve(0, PAGE_ALIGN((unsigned long)__heap_base));
	memblock_set_bottom_up(true);
	lkl_mm_reserve_map();
	min_low_pfn = 1;
	max_low_pfn = max_pfn = lkl_memory_end >> PAGE_SHIFT;
	high_memory = (void *)lkl_memory_end;
	set_max_mapnr(max_pfn);
	max_zone_pfn[ZONE_NORMAL] = max_pfn;
	free_area_init(max_zone_pfn);
}

void __init mem_init(void)
{
	lkl_mm_reserve_growth();
	memblock_free_all();
}

void free_initmem(void)
{
}
