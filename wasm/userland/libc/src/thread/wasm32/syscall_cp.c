/* Cancellation points: no program counter can be compared, so a call that a cancellation interrupted ends with EINTR and musl looks then. */
#include "pthread_impl.h"
#include "syscall.h"

hidden const char __cp_begin[1], __cp_end[1], __cp_cancel[1];

hidden long __syscall_cp_asm(volatile void *cancel, syscall_arg_t n, syscall_arg_t a, syscall_arg_t b, syscall_arg_t c,
			     syscall_arg_t d, syscall_arg_t e, syscall_arg_t f)
{
	return *(volatile int *)cancel ? -EINTR : __syscall(n, a, b, c, d, e, f);
}
