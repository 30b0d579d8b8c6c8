/* syscall(2) for programs: they pass words, and variable arguments lie in memory, each as wide as it was passed. */
#define _BSD_SOURCE
#include <stdarg.h>
#include <unistd.h>
#include "syscall.h"

#undef syscall

long syscall(long n, ...)
{
	unsigned long a[6];
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return __syscall_ret(__syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]));
}
