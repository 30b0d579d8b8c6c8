/* Two kinds of clone: a vfork, which goes on on the caller's stack, and a thread, for which the host makes a stack. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include "lkl.h"
#include "pthread_impl.h"
#include "syscall.h"

static int vfork_call(int (*func)(void *), int flags, void *arg)
{
	struct vfork point;
	long ret;

	if (setjmp(point.jump))
		return point.pid;
	ret = __syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (ret < 0)
		return ret;
	point.outer = __lkl_vfork;
	__lkl_vfork = &point;
	__syscall(SYS_exit, func(arg));
	a_crash();
	return 0;
}

int __clone(int (*func)(void *), void *stack, int flags, void *arg, ...)
{
	va_list ap;
	void *parent_tid, *tls, *child_tid;

	if (flags & CLONE_VFORK)
		return vfork_call(func, flags, arg);
	if (!(flags & CLONE_THREAD))
		return -ENOSYS;
	va_start(ap, arg);
	parent_tid = va_arg(ap, void *);
	tls = va_arg(ap, void *);
	child_tid = va_arg(ap, void *);
	va_end(ap);
	/* The seventh and eighth are for the host alone: what the thread runs. */
	return __lkl_call(SYS_clone, (syscall_arg_t[__LKL_WORDS]){ __scc(flags), __scc(stack), __scc(parent_tid), __scc(tls),
							 __scc(child_tid), 0, __scc(func), __scc(arg) });
}
