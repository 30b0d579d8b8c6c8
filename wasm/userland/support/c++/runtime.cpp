// What compiled C++ without exceptions and without the standard library asks for: memory, and statics that are made once.
#include <stdlib.h>

static void *memory(size_t bytes)
{
	void *found = malloc(bytes ? bytes : 1);
	if (!found)
		abort();
	return found;
}

void *operator new(size_t bytes) { return memory(bytes); }
void *operator new[](size_t bytes) { return memory(bytes); }
void operator delete(void *at) noexcept { free(at); }
void operator delete[](void *at) noexcept { free(at); }
void operator delete(void *at, size_t) noexcept { free(at); }
void operator delete[](void *at, size_t) noexcept { free(at); }

extern "C" {
void __cxa_pure_virtual(void) { abort(); }
// Threads change hands in system calls alone: nobody comes in between.
int __cxa_guard_acquire(char *guard) { return !*guard; }
void __cxa_guard_release(char *guard) { *guard = 1; }
}
