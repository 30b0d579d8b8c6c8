/* What the parts of the C library that know the host share. */
#ifndef LKL_H
#define LKL_H

#include <features.h>
#include <setjmp.h>
#include "atomic.h"

/* A parent whose stack its vfork child has. */
struct vfork {
	struct vfork *outer;
	jmp_buf jump;
	int pid;
};
extern hidden struct vfork *__lkl_vfork;

/* Answers of the import `call` that no system call gives. */
#define LKL_VFORK_OVER 0x7ffffff0	/* the child's exec or exit is done: go on as the parent, whose child is args[6] */
#define LKL_CALL_AGAIN 0x7ffffff1	/* run the handlers of signals, then make the call again (SA_RESTART) */

#endif
