/* sigsetjmp() is a macro (include/setjmp.h): setjmp() must be called by the function that is returned to. */
#include <setjmp.h>
#include <signal.h>

void __lkl_save_mask(sigjmp_buf buf, int save)
{
	buf->__fl = save;
	if (save)
		sigprocmask(SIG_SETMASK, 0, (sigset_t *)buf->__ss);
}
