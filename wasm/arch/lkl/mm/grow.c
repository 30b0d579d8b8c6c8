// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that grows on demand, up to lkl_shared.memory_limit: the reverse of a
 * balloon. The page map made at boot covers CONFIG_LKL_MEMORY_MAP_MIB and is
 * initialised only as memory is really added. It lies at the very end of what
 * the kernel boots in, so that a kernel that may become larger makes it longer
 * in place, with the first memory that it gets.
 * Reclaim asks a shrinker, as it does virtio-balloon, so clean page cache and
 * growth compete by their cost; the OOM killer asks before it kills.
 */
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/pageblock-flags.h>
#include <linux/page-isolation.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/swap.h>
#include <linux/vmalloc.h>
#include <asm/host.h>
#include "../../../mm/internal.h"

#define LKL_BOOT_MAP_PFN	((CONFIG_LKL_MEMORY_MAP_MIB * SZ_1M) >> PAGE_SHIFT)
#define LKL_ADDRESS_PFN	(1UL << (BITS_PER_LONG - PAGE_SHIFT))
#define LKL_BITMAP_BYTES(pfn)	(roundup(pfn, pageblock_nr_pages) / pageblock_nr_pages * NR_PAGEBLOCK_BITS / 8)
#define WASM_PAGE_PAGES	(SZ_64K >> PAGE_SHIFT)
#define LKL_OOM_PATIENCE	1000	/* calls in a row without a page to spare */

static unsigned long lkl_map_pfn = LKL_BOOT_MAP_PFN;	/* where the page map ends */
static phys_addr_t lkl_boot_map __initdata;

/* Keep the end of boot memory free for the page map, before anything else is allocated. */
void __init lkl_mm_reserve_map(void)
{
	unsigned long bytes = PAGE_ALIGN(LKL_BOOT_MAP_PFN * sizeof(struct page));

	if (lkl_memory_end >> PAGE_SHIFT >= LKL_BOOT_MAP_PFN)
		return;
	lkl_boot_map = lkl_memory_end - bytes;
	memblock_reserve(lkl_boot_map, bytes);
}

/* Move the page map there, and the page block bitmap to one that covers all that can be addressed: it takes 512 bytes. */
void __init lkl_mm_reserve_growth(void)
{
	pg_data_t *node = NODE_DATA(0);
	struct zone *zone = &node->node_zones[ZONE_NORMAL];
	unsigned long old_bytes = BITS_TO_LONGS(LKL_BITMAP_BYTES(zone->spanned_pages) * 8) * sizeof(long);
	unsigned long old_pages = max_pfn;
	struct page *map = (struct page *)lkl_boot_map;
	void *bitmap;

	if (!map)
		return;
	bitmap = memblock_alloc(LKL_BITMAP_BYTES(LKL_ADDRESS_PFN), SMP_CACHE_BYTES);
	if (!bitmap)
		panic("no memory for the page block bitmap");

	memcpy(map, mem_map, old_pages * sizeof(struct page));
	for (unsigned long pfn = 0; pfn < old_pages; pfn++)
		INIT_LIST_HEAD(&map[pfn].lru);
	memblock_free(mem_map, ALIGN(old_pages, MAX_ORDER_NR_PAGES) * sizeof(struct page));
	mem_map = node->node_mem_map = map;

	memcpy(bitmap, zone->pageblock_flags, old_bytes);
	memblock_free(zone->pageblock_flags, old_bytes);
	zone->pageblock_flags = bitmap;
}

/* Whether the linear memory reaches up to the page `end`, grown if need be: it may have served a larger kernel before. */
static bool lkl_mm_reach(unsigned long end)
{
	long missing = DIV_ROUND_UP(end, WASM_PAGE_PAGES) - __builtin_wasm_memory_size(0);

	return missing <= 0 || __builtin_wasm_memory_grow(0, missing) != (size_t)-1;
}

/* Add memory up to the page `end`, its pages initialised and held back. Answers how many. */
static unsigned long lkl_mm_extend(unsigned long end)
{
	struct zone *zone = &NODE_DATA(0)->node_zones[ZONE_NORMAL];
	unsigned long start = max_pfn;

	if (end <= start || !lkl_mm_reach(end))
		return 0;

	lkl_memory_end = end << PAGE_SHIFT;
	max_low_pfn = max_pfn = end;
	high_memory = (void *)lkl_memory_end;
	set_max_mapnr(end);
	zone->spanned_pages = end - zone->zone_start_pfn;
	zone->present_pages += end - start;
	NODE_DATA(0)->node_spanned_pages = zone->spanned_pages;
	NODE_DATA(0)->node_present_pages += end - start;
	for (unsigned long pfn = start; pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);

		__init_single_page(page, pfn, ZONE_NORMAL, 0);
		if (pageblock_aligned(pfn))
			set_pageblock_migratetype(page, MIGRATE_MOVABLE);
		__SetPageReserved(page);
	}
	return end - start;
}

/*
 * Make the page map longer where it is, for just what this kernel may ever have.
 * That takes the first pages that are added: they stay reserved for good. Once
 * others were added behind it, the map is as long as it will be.
 */
static void lkl_map_extend(void)
{
	unsigned long limit = lkl_shared.memory_limit >> PAGE_SHIFT;
	unsigned long end = PAGE_ALIGN((unsigned long)(mem_map + lkl_map_pfn));
	unsigned long more;

	if (limit <= lkl_map_pfn || end != lkl_memory_end)
		return;
	more = PFN_UP((unsigned long)(mem_map + limit) - end);
	if (!more || lkl_mm_extend(max_pfn + more) == more)
		lkl_map_pfn = limit;
}

static unsigned long lkl_limit_pfn(void)
{
	return min(lkl_map_pfn, (unsigned long)lkl_shared.memory_limit >> PAGE_SHIFT);
}

/*
 * Add one chunk. Answers the pages gained, 0 at the limit. The host may refuse
 * before that: its memory has a maximum of its own, and its machine an end. Then
 * half as much is tried, and so on.
 */
static unsigned long lkl_mm_grow(void)
{
	unsigned long start, end, gained;

	lkl_map_extend();
	start = max_pfn;
	end = min(ALIGN(start + 1, MAX_ORDER_NR_PAGES), lkl_limit_pfn());
	gained = lkl_mm_extend(end);
	while (!gained && end >= start + 2 * WASM_PAGE_PAGES) {
		end = start + ALIGN_DOWN((end - start) / 2, WASM_PAGE_PAGES);
		gained = lkl_mm_extend(end);
	}
	for (unsigned long pfn = start; pfn < start + gained; pfn++)
		free_reserved_page(pfn_to_page(pfn));
	/* Reclaim counts them as its own and ends: one chunk at a time. */
	mm_account_reclaimed_pages(gained);
	return gained;
}

/*
 * Tables larger than the allocator's largest block, which an MMU would map from
 * scattered pages: f2fs has some of a few bytes for each segment. They get new
 * memory, as neighbouring blocks of the largest order.
 */
struct lkl_table {
	struct list_head list;
	void *start;
	unsigned int blocks;
};

static LIST_HEAD(lkl_tables);

static void *lkl_table_alloc(unsigned long size, gfp_t gfp)
{
	unsigned int blocks = DIV_ROUND_UP(size, MAX_ORDER_NR_PAGES << PAGE_SHIFT);
	struct lkl_table *table = kmalloc(sizeof(*table), GFP_KERNEL);
	unsigned long start, end;

	if (!table)
		return NULL;
	lkl_map_extend();
	if (!IS_ALIGNED(max_pfn, MAX_ORDER_NR_PAGES))
		lkl_mm_grow();
	start = max_pfn;
	end = start + (unsigned long)blocks * MAX_ORDER_NR_PAGES;
	if (!IS_ALIGNED(start, MAX_ORDER_NR_PAGES) || end > lkl_limit_pfn() || !lkl_mm_extend(end)) {
		kfree(table);
		return NULL;
	}
	for (unsigned long pfn = start; pfn < end; pfn++)
		ClearPageReserved(pfn_to_page(pfn));
	for (unsigned long pfn = start; pfn < end; pfn += MAX_ORDER_NR_PAGES)
		prep_compound_page(pfn_to_page(pfn), MAX_PAGE_ORDER);
	adjust_managed_page_count(pfn_to_page(start), end - start);
	table->start = pfn_to_virt(start);
	table->blocks = blocks;
	list_add(&table->list, &lkl_tables);
	if (gfp & __GFP_ZERO)
		memset(table->start, 0, size);
	return table->start;
}

static bool lkl_table_free(const void *start)
{
	struct lkl_table *table;

	list_for_each_entry(table, &lkl_tables, list) {
		if (table->start != start)
			continue;
		for (unsigned int block = 0; block < table->blocks; block++)
			__free_pages(virt_to_page(start) + block * MAX_ORDER_NR_PAGES, MAX_PAGE_ORDER);
		list_del(&table->list);
		kfree(table);
		return true;
	}
	return false;
}

/* What kvmalloc() falls back to, and kvfree(): linked over the stock functions by --wrap (see the Makefile). */
void *__real___vmalloc_node_range_noprof(unsigned long size, unsigned long align, unsigned long start, unsigned long end,
					 gfp_t gfp, pgprot_t prot, unsigned long flags, int node, const void *caller);
void *__wrap___vmalloc_node_range_noprof(unsigned long size, unsigned long align, unsigned long start, unsigned long end,
					 gfp_t gfp, pgprot_t prot, unsigned long flags, int node, const void *caller);
void *__wrap___vmalloc_node_range_noprof(unsigned long size, unsigned long align, unsigned long start, unsigned long end,
					 gfp_t gfp, pgprot_t prot, unsigned long flags, int node, const void *caller)
{
	if (get_order(size) > MAX_PAGE_ORDER)
		return lkl_table_alloc(size, gfp);
	return __real___vmalloc_node_range_noprof(size, align, start, end, gfp, prot, flags, node, caller);
}

void __real_kvfree(const void *addr);
void __wrap_kvfree(const void *addr);
void __wrap_kvfree(const void *addr)
{
	if (!lkl_table_free(addr))
		__real_kvfree(addr);
}

static unsigned long lkl_grow_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long limit = lkl_limit_pfn();

	return limit > max_pfn ? limit - max_pfn : 0;
}

static unsigned long lkl_grow_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long gained = lkl_mm_grow();

	sc->nr_scanned = LONG_MAX / 2;
	return gained ?: SHRINK_STOP;
}

/*
 * Allocations that may neither fail nor enter the file system are never met by
 * a kill: the allocator asks again and again, in the hope that another task
 * frees something. On one CPU, with nobody else to run, that is for ever.
 */
static int lkl_grow_oom(struct notifier_block *nb, unsigned long action, void *freed)
{
	static unsigned int in_vain;
	unsigned long gained = lkl_mm_grow();

	in_vain = gained || nr_free_pages() > min_free_kbytes >> (PAGE_SHIFT - 10) ? 0 : in_vain + 1;
	if (in_vain > LKL_OOM_PATIENCE)
		panic("Out of memory: nothing left to reclaim");
	*(unsigned long *)freed += gained;
	/* Time stands still while the kernel runs, so nobody would take the CPU from us: whoever was killed gets it, to end. */
	if (!gained)
		schedule_timeout_uninterruptible(1);
	return NOTIFY_OK;
}

static struct notifier_block lkl_grow_oom_block = {
	.notifier_call	= lkl_grow_oom,
};

static int __init lkl_grow_init(void)
{
	struct shrinker *shrinker = shrinker_alloc(0, "lkl-grow");

	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = lkl_grow_count;
	shrinker->scan_objects = lkl_grow_scan;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return register_oom_notifier(&lkl_grow_oom_block);
}
core_initcall(lkl_grow_init);
