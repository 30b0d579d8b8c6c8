/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_SECCOMP_H
#define _ASM_LKL_SECCOMP_H

#include <asm-generic/seccomp.h>
#include <uapi/linux/audit.h>

#define SECCOMP_ARCH_NATIVE		EM_NONE
#define SECCOMP_ARCH_NATIVE_NR		NR_syscalls
#define SECCOMP_ARCH_NATIVE_NAME	"lkl"

#endif
