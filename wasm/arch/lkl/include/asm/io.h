/* SPDX-License-Identifier: GPL-2.0-only */
/* Device registers live on the host: every access is an import. */
#ifndef _ASM_LKL_IO_H
#define _ASM_LKL_IO_H

#include <linux/types.h>
#include <asm/host.h>

#define LKL_MMIO(letter, type)									\
static inline type __raw_read##letter(const volatile void __iomem *addr)			\
{												\
	return host_mmio_read((__force u32)addr, sizeof(type));					\
}												\
static inline void __raw_write##letter(type value, volatile void __iomem *addr)		\
{												\
	host_mmio_write((__force u32)addr, value, sizeof(type));				\
}

LKL_MMIO(b, u8)
LKL_MMIO(w, u16)
LKL_MMIO(l, u32)

#define __raw_readb __raw_readb
#define __raw_readw __raw_readw
#define __raw_readl __raw_readl
#define __raw_writeb __raw_writeb
#define __raw_writew __raw_writew
#define __raw_writel __raw_writel

/* No ports; not NULL, so that the compiler does not warn of arithmetic on it. */
#define PCI_IOBASE ((void __iomem *)16)

#include <asm-generic/io.h>

#endif
