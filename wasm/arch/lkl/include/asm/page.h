/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual, physical and wasm addresses are the same. */
#ifndef _ASM_LKL_PAGE_H
#define _ASM_LKL_PAGE_H

#include <linux/const.h>

#define PAGE_SHIFT	CONFIG_PAGE_SHIFT
#define PAGE_SIZE	(_AC(1, UL) << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_OFFSET	0UL

#ifndef __ASSEMBLY__

#include <linux/string.h>

#define clear_page(page)			memset((page), 0, PAGE_SIZE)
#define copy_page(to, from)			memcpy((to), (from), PAGE_SIZE)
#define clear_user_page(page, vaddr, pg)	clear_page(page)
#define copy_user_page(to, from, vaddr, pg)	copy_page(to, from)

typedef struct { unsigned long pte; } pte_t;
typedef struct { unsigned long pgd; } pgd_t;
typedef struct { unsigned long pgprot; } pgprot_t;
typedef struct page *pgtable_t;

#define pte_val(x)	((x).pte)
#define pgd_val(x)	((x).pgd)
#define pgprot_val(x)	((x).pgprot)
#define __pte(x)	((pte_t) { (x) })
#define __pgd(x)	((pgd_t) { (x) })
#define __pgprot(x)	((pgprot_t) { (x) })

#define __pa(virt)		((unsigned long)(virt))
#define __va(phys)		((void *)(unsigned long)(phys))
#define ARCH_PFN_OFFSET		0UL

extern unsigned long lkl_memory_end;

#define virt_to_pfn(virt)	(__pa(virt) >> PAGE_SHIFT)
#define pfn_to_virt(pfn)	__va((pfn) << PAGE_SHIFT)
#define virt_to_page(virt)	pfn_to_page(virt_to_pfn(virt))
#define page_to_virt(page)	pfn_to_virt(page_to_pfn(page))
#define page_to_phys(page)	((phys_addr_t)page_to_pfn(page) << PAGE_SHIFT)
#define virt_addr_valid(virt)	(__pa(virt) >= PAGE_SIZE && __pa(virt) < lkl_memory_end)

#endif

#include <asm-generic/memory_model.h>
#include <asm-generic/getorder.h>

#endif
