/* musl's _Fork() with another way to clone: the host copies the memory and both copies return from this import. */
#include <unistd.h>
#include <signal.h>
#include "aio_impl.h"
#include "libc.h"
#include "lock.h"
#include "pthread_impl.h"
#include "syscall.h"

/* A program that wasm-opt --asyncify has been over winds its stack up here; any other is told ENOSYS. */
__attribute__((import_module("lkl"), import_name("fork"))) int __lkl_fork(void);

#define SYS_fork (-1)
#undef __syscall
#define __syscall(n) ((n) == SYS_fork ? __lkl_fork() : __syscall0(n))
#include "../_Fork.c"
