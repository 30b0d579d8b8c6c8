#include <setjmp.h>
#include <signal.h>

_Noreturn void siglongjmp(sigjmp_buf buf, int value)
{
	if (buf->__fl)
		sigprocmask(SIG_SETMASK, (sigset_t *)buf->__ss, 0);
	longjmp(buf, value);
}
