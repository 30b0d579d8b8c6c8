#include "pthread_impl.h"

int __set_thread_area(void *p)
{
	__lkl_thread_pointer = (uintptr_t)p;
	return 0;
}
