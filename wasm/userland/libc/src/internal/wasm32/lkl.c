/* The one way into the kernel, and what the way back brings: handlers of signals, the end of a vfork. */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include "lkl.h"
#include "pthread_impl.h"
#include "syscall.h"

hidden long __lkl_trampoline(int self, long n, const syscall_arg_t *args);

hidden uintptr_t __lkl_thread_pointer;
hidden struct vfork *__lkl_vfork;
/* Which of the host's threads this is. */
static int self;
/* The host sets it when a signal waits for this process; it finds it by this name. */
volatile int __lkl_pending;

/* One signal as the host gives it; its fields are part of the ABI. */
struct frame {
	int signal;
	unsigned flags;
	unsigned long handler;
	int code;
	unsigned long long mask;	/* to be set when the handler is done */
	siginfo_t info;
};
__attribute__((import_module("lkl"), import_name("signal"))) int __lkl_next_signal(int self, struct frame *frame);

/* The kernel puts each frame on top of those before: the last is run first, and its return gives the mask that the one before it has. */
static void run_handlers(void)
{
	struct frame frame;

	if (!__lkl_next_signal(self, &frame))
		return;
	run_handlers();
	if (frame.flags & SA_SIGINFO) {
		ucontext_t context = { 0 };

		memcpy(&context.uc_sigmask, &frame.mask, sizeof(frame.mask));
		((void (*)(int, siginfo_t *, void *))frame.handler)(frame.signal, &frame.info, &context);
		memcpy(&frame.mask, &context.uc_sigmask, sizeof(frame.mask));
	} else {
		((void (*)(int))frame.handler)(frame.signal);
	}
	__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &frame.mask, 0, _NSIG / 8);
}

hidden long __lkl_call(long n, const syscall_arg_t *args)
{
	long ret;

	do {
		uintptr_t thread_pointer = __lkl_thread_pointer;
		int thread = self;

		ret = __lkl_trampoline(thread, n, args);
		__lkl_thread_pointer = thread_pointer;
		self = thread;
		if (ret == LKL_VFORK_OVER) {
			struct vfork *point = __lkl_vfork;

			__lkl_vfork = point->outer;
			point->pid = args[6];
			longjmp(point->jump, 1);
		}
		if (__lkl_pending)
			run_handlers();
	} while (ret == LKL_CALL_AGAIN);
	return ret;
}

/* Where a new thread begins, called by trampoline.s on the stack that the host gave it. */
hidden void __lkl_thread_main(uintptr_t thread_pointer, int thread, int (*func)(void *), void *arg)
{
	__lkl_thread_pointer = thread_pointer;
	self = thread;
	__syscall(SYS_exit, func(arg));
}
