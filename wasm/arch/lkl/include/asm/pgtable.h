/* SPDX-License-Identifier: GPL-2.0-only */
/* No page tables; generic code wants the words. */
#ifndef _ASM_LKL_PGTABLE_H
#define _ASM_LKL_PGTABLE_H

#include <asm-generic/pgtable-nopmd.h>
#include <asm/page.h>

#define PAGE_NONE	__pgprot(0)
#define PAGE_SHARED	__pgprot(0)
#define PAGE_COPY	__pgprot(0)
#define PAGE_READONLY	__pgprot(0)
#define PAGE_KERNEL	__pgprot(0)

#define swapper_pg_dir	((pgd_t *)0)

extern char lkl_zero_page[];
#define ZERO_PAGE(vaddr) virt_to_page(lkl_zero_page)

#define VMALLOC_START	0UL
#define VMALLOC_END	0xffffffffUL

#endif
