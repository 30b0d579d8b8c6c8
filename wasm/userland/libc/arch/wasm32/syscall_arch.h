/*
 * A system call is its number and six 64-bit arguments in memory, as the kernel's struct pt_regs has them. Three words
 * more are the host's: it may write there what it has to say beside the result.
 */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)
/* Words are not sign-extended: a pointer above 2 GiB stays one. */
#define __scc(X) (sizeof(1 ? (X) : 0ULL) < 8 ? (unsigned long)(X) : (long long)(X))
typedef long long syscall_arg_t;

__attribute__((__visibility__("hidden"))) long __lkl_call(long n, const syscall_arg_t *args);

#define __LKL_WORDS 9

static inline long __syscall0(long n)
{
	syscall_arg_t args[__LKL_WORDS];

	return __lkl_call(n, args);
}

static inline long __syscall1(long n, syscall_arg_t a)
{
	syscall_arg_t args[__LKL_WORDS];

	args[0] = a;
	return __lkl_call(n, args);
}

static inline long __syscall2(long n, syscall_arg_t a, syscall_arg_t b)
{
	syscall_arg_t args[__LKL_WORDS];

	args[0] = a;
	args[1] = b;
	return __lkl_call(n, args);
}

static inline long __syscall3(long n, syscall_arg_t a, syscall_arg_t b, syscall_arg_t c)
{
	syscall_arg_t args[__LKL_WORDS];

	args[0] = a;
	args[1] = b;
	args[2] = c;
	return __lkl_call(n, args);
}

static inline long __syscall4(long n, syscall_arg_t a, syscall_arg_t b, syscall_arg_t c, syscall_arg_t d)
{
	syscall_arg_t args[__LKL_WORDS];

	args[0] = a;
	args[1] = b;
	args[2] = c;
	args[3] = d;
	return __lkl_call(n, args);
}

static inline long __syscall5(long n, syscall_arg_t a, syscall_arg_t b, syscall_arg_t c, syscall_arg_t d,
			      syscall_arg_t e)
{
	syscall_arg_t args[__LKL_WORDS];

	args[0] = a;
	args[1] = b;
	args[2] = c;
	args[3] = d;
	args[4] = e;
	return __lkl_call(n, args);
}

static inline long __syscall6(long n, syscall_arg_t a, syscall_arg_t b, syscall_arg_t c, syscall_arg_t d,
			      syscall_arg_t e, syscall_arg_t f)
{
	syscall_arg_t args[__LKL_WORDS];

	args[0] = a;
	args[1] = b;
	args[2] = c;
	args[3] = d;
	args[4] = e;
	args[5] = f;
	return __lkl_call(n, args);
}

#define IPC_64 0
