/* vfork() is a macro (include/unistd.h) around these: setjmp() must be called by the function that is returned to. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include "lkl.h"
#include "syscall.h"

/* A child may call vfork() in turn before it execs. */
static struct vfork points[8];
static int used;

void *__lkl_vfork_point(void)
{
	if (used == sizeof(points) / sizeof(*points))
		a_crash();
	return points[used++].jump;
}

int __lkl_vfork_child(void)
{
	struct vfork *point = &points[used - 1];
	long ret = __syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);

	if (ret < 0) {
		used--;
		return __syscall_ret(ret);
	}
	point->outer = __lkl_vfork;
	__lkl_vfork = point;
	return 0;
}

int __lkl_vfork_parent(void)
{
	return points[--used].pid;
}
