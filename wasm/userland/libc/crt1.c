/* Where a program begins: the host calls _start with the address of argc, argv, envp and the auxiliary vector. */
int __libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void));
int __main_void(void);
void __wasm_call_ctors(void);

int __lkl_argc;
char **__lkl_argv;

/* A strong reference: only that takes main() out of an archive. */
static int run(int argc, char **argv, char **envp)
{
	__lkl_argc = argc;
	__lkl_argv = argv;
	return __main_void();
}

__attribute__((export_name("_start"))) void _start(long *p)
{
	__libc_start_main(run, p[0], (char **)(p + 1), 0, 0, 0);
}

/* Constructors: the linker calls them by a function of its own, not by a table. */
void __libc_start_init(void)
{
	__wasm_call_ctors();
}
