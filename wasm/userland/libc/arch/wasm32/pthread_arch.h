/* The thread pointer is a variable that __lkl_call() keeps across the calls in which threads change hands. */
extern __attribute__((__visibility__("hidden"))) uintptr_t __lkl_thread_pointer;

static inline uintptr_t __get_tp(void)
{
	return __lkl_thread_pointer;
}

#define MC_PC __pc
