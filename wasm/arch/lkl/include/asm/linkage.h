/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_LINKAGE_H
#define _ASM_LKL_LINKAGE_H

/* Code has no addresses. */
#define _THIS_IP_ (0UL)

#endif
