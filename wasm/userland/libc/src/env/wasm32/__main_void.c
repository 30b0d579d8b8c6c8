/* clang names main() by its parameters: one without any is this function itself, and replaces it. */
extern int __lkl_argc;
extern char **__lkl_argv;
int __main_argc_argv(int, char **);

int __main_void(void)
{
	return __main_argc_argv(__lkl_argc, __lkl_argv);
}
