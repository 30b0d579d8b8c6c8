/* In front of musl's: what must be in the function that is returned to. */
#include_next <setjmp.h>

#ifndef LKL_SETJMP_H
#define LKL_SETJMP_H

#if defined(_POSIX_SOURCE) || defined(_POSIX_C_SOURCE) || defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
void __lkl_save_mask(sigjmp_buf, int);
#define sigsetjmp(buf, save) (__lkl_save_mask((buf), (save)), setjmp(buf))
#endif
#define _setjmp setjmp
#define _longjmp longjmp

#endif
