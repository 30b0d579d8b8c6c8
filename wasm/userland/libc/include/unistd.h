/* In front of musl's: vfork() returns twice to the function that calls it, so it calls setjmp() there. */
#include_next <unistd.h>

#if !defined(LKL_UNISTD_H) && (defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE))
#define LKL_UNISTD_H

void *__lkl_vfork_point(void);
int __lkl_vfork_child(void);
int __lkl_vfork_parent(void);
/* The name is not declared here: it belongs to <setjmp.h>. */
int __lkl_setjmp(void *) __asm__("setjmp") __attribute__((__returns_twice__));
#define vfork() (__lkl_setjmp(__lkl_vfork_point()) ? __lkl_vfork_parent() : __lkl_vfork_child())

#endif
