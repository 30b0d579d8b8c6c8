/* SPDX-License-Identifier: GPL-2.0-only */
/* Comes first in every unit: what wasm and its linker cannot do. */

/* Return addresses are not visible to wasm code. */
#define __builtin_return_address(level) ((void *)0)

#ifndef __ASSEMBLY__
/* The linker script's "jiffies = jiffies_64". */
#pragma redefine_extname jiffies jiffies_64
#endif
