/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#ifndef _UAPI_ASM_LKL_SIGCONTEXT_H
#define _UAPI_ASM_LKL_SIGCONTEXT_H

/* Signal handlers run on the host: there is no machine context to save. */
struct sigcontext {
	unsigned long unused;
};

#endif
