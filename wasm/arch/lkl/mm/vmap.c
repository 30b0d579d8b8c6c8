// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmap() without an MMU, for the file systems that use it. Linked over the
 * stock functions, which BUG(), by --wrap (see the Makefile).
 *
 * Pages that happen to be neighbours in physical order need no mapping: XFS
 * keeps buffers mapped for as long as they live, so bulk allocation gives it
 * such pages or none. Others are mapped through a copy that is written back
 * when the mapping goes: right for erofs, f2fs and ntfs3, which map what has
 * been read, work and unmap.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

struct lkl_bounce {
	struct list_head list;
	unsigned int count;
	void *copy;
	struct page *pages[];
};

static LIST_HEAD(lkl_bounces);

static bool lkl_contiguous(struct page **pages, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++)
		if (page_to_pfn(pages[i]) != page_to_pfn(pages[0]) + i)
			return false;
	return true;
}

static void *lkl_map(struct page **pages, unsigned int count)
{
	struct lkl_bounce *bounce;

	if (lkl_contiguous(pages, count))
		return page_address(pages[0]);
	bounce = kmalloc(struct_size(bounce, pages, count), GFP_NOFS);
	if (!bounce)
		return NULL;
	bounce->count = count;
	bounce->copy = alloc_pages_exact(count * PAGE_SIZE, GFP_NOFS | __GFP_RETRY_MAYFAIL);
	if (!bounce->copy) {
		kfree(bounce);
		return NULL;
	}
	for (unsigned int i = 0; i < count; i++) {
		bounce->pages[i] = pages[i];
		copy_page(bounce->copy + i * PAGE_SIZE, page_address(pages[i]));
	}
	list_add(&bounce->list, &lkl_bounces);
	return bounce->copy;
}

static void lkl_unmap(const void *addr)
{
	struct lkl_bounce *bounce;

	list_for_each_entry(bounce, &lkl_bounces, list) {
		if (bounce->copy != addr)
			continue;
		for (unsigned int i = 0; i < bounce->count; i++)
			copy_page(page_address(bounce->pages[i]), bounce->copy + i * PAGE_SIZE);
		list_del(&bounce->list);
		free_pages_exact(bounce->copy, bounce->count * PAGE_SIZE);
		kfree(bounce);
		return;
	}
}

void *__wrap_vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot);
void *__wrap_vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot)
{
	return lkl_map(pages, count);
}

void __wrap_vunmap(const void *addr);
void __wrap_vunmap(const void *addr)
{
	lkl_unmap(addr);
}

void *__wrap_vm_map_ram(struct page **pages, unsigned int count, int node);
void *__wrap_vm_map_ram(struct page **pages, unsigned int count, int node)
{
	return lkl_map(pages, count);
}

void __wrap_vm_unmap_ram(const void *addr, unsigned int count);
void __wrap_vm_unmap_ram(const void *addr, unsigned int count)
{
	lkl_unmap(addr);
}

void __wrap_vm_unmap_aliases(void);
void __wrap_vm_unmap_aliases(void)
{
}

unsigned long __real_alloc_pages_bulk_noprof(gfp_t gfp, int nid, nodemask_t *mask, int count,
					     struct list_head *list, struct page **array);
unsigned long __wrap_alloc_pages_bulk_noprof(gfp_t gfp, int nid, nodemask_t *mask, int count,
					     struct list_head *list, struct page **array);
unsigned long __wrap_alloc_pages_bulk_noprof(gfp_t gfp, int nid, nodemask_t *mask, int count,
					     struct list_head *list, struct page **array)
{
	bool empty = array && count > 1 && count <= MAX_ORDER_NR_PAGES;
	void *block;

	for (int i = 0; empty && i < count; i++)
		empty = !array[i];
	if (!empty)
		return __real_alloc_pages_bulk_noprof(gfp, nid, mask, count, list, array);
	block = alloc_pages_exact((size_t)count * PAGE_SIZE, gfp);
	/* Who wants no warning can do without (readahead), or asks again: that is XFS. */
	if (!block && gfp & __GFP_NOWARN)
		return 0;
	if (!block)
		return __real_alloc_pages_bulk_noprof(gfp, nid, mask, count, list, array);
	for (int i = 0; i < count; i++)
		array[i] = virt_to_page(block + i * PAGE_SIZE);
	return count;
}
