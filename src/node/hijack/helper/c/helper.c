// SPDX-License-Identifier: MIT
/*
 * Starts a program whose system calls somebody else answers: puts the filter that it reads from descriptor 3 over itself
 * (seccomp(2), user notification), sends the listener back over that socket, and becomes the program.
 *
 *	helper PATH ARGV0 [ARGUMENT...]
 *
 * Over the socket: in, a u32 of the filter's bytes and the filter (struct sock_filter); out, a byte with the listener beside it
 * (SCM_RIGHTS), or two bytes, 'F' (no filter) or 'X' (no such program), and the errno.
 * It has no libc, and no decisions: what is caught is in the filter.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#if defined(__x86_64__)
enum { NR_read = 0, NR_write = 1, NR_close = 3, NR_mmap = 9, NR_sendmsg = 46, NR_clone = 56, NR_execve = 59, NR_exit_group = 231,
       NR_wait4 = 61, NR_fcntl = 72, NR_prctl = 157, NR_futex = 202, NR_seccomp = 317 };

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n\tud2\n");

static long call(long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
enum { NR_read = 63, NR_write = 64, NR_close = 57, NR_mmap = 222, NR_sendmsg = 211, NR_clone = 220, NR_execve = 221,
       NR_exit_group = 94, NR_wait4 = 260, NR_fcntl = 25, NR_prctl = 167, NR_futex = 98, NR_seccomp = 277 };

__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl start\n\tbrk #1\n");

static long call(long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 x8 __asm__("x8") = (u64)nr;
	register u64 x0 __asm__("x0") = a;
	register u64 x1 __asm__("x1") = b;
	register u64 x2 __asm__("x2") = c;
	register u64 x3 __asm__("x3") = d;
	register u64 x4 __asm__("x4") = e;
	register u64 x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return (long)x0;
}
#else
#error "no system calls of this machine"
#endif

#define CALL(nr, ...) CALL_(nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(nr, a, b, c, d, e, f, ...) call(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f))

enum { EACCES = 13, ENOEXEC = 8, EINTR = 4, SIGKILL = 9, SIGCHLD = 17 };
enum { SOCKET = 3, F_SETFD = 2, FD_CLOEXEC = 1 };
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_ANONYMOUS = 0x20 };
enum { CLONE_FILES = 0x400 };
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };
enum { PR_SET_PDEATHSIG = 1, PR_SET_NO_NEW_PRIVS = 38 };
/* seccomp(2). SPEC_ALLOW: the filter is not there to contain the program, so it need not run slower for it. */
enum { SECCOMP_SET_MODE_FILTER = 1, SPEC_ALLOW = 1 << 2, NEW_LISTENER = 1 << 3 };
/* BPF_MAXINSNS of 8 bytes */
enum { MOST = 4096 * 8 };

struct fprog {
	u16 len;
	const u8 *filter;
};
struct iovec {
	void *base;
	u64 bytes;
};
struct rights {
	u64 bytes;
	int level, type;
	int fd, pad;
};
struct message {
	void *name;
	u32 name_bytes;
	struct iovec *iov;
	u64 iov_count;
	void *control;
	u64 control_bytes;
	int flags;
};

static u8 filter[MOST] __attribute__((aligned(8)));

static void __attribute__((noreturn)) leave(int code)
{
	for (;;)
		CALL(NR_exit_group, code);
}

static void read_all(void *to, u64 bytes)
{
	u8 *at = to;

	while (bytes > 0) {
		long got = CALL(NR_read, SOCKET, at, bytes);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			leave(125);
		at += got;
		bytes -= (u64)got;
	}
}

static void tell(u8 what, long ret)
{
	u8 words[2] = { what, (u8)-ret };

	CALL(NR_write, SOCKET, words, 2);
}

/* In the sibling: no filter is over it, and it has the same descriptors. */
static void __attribute__((noreturn)) send_listener(volatile int *listener)
{
	u8 byte = 'N';
	struct iovec iov = { &byte, 1 };
	struct rights rights = { .bytes = 20, .level = 1, .type = 1 };
	struct message message = { .iov = &iov, .iov_count = 1, .control = &rights, .control_bytes = 24 };

	while (*listener == 0)
		CALL(NR_futex, listener, FUTEX_WAIT, 0, 0);
	if (*listener > 0) {
		rights.fd = *listener;
		CALL(NR_sendmsg, SOCKET, &message, 0);
		CALL(NR_close, *listener);
	}
	leave(0);
}

/* A filter on a process without privilege wants that no program gives it any. Where it has them, set-id programs keep working. */
static long put_filter(u32 bytes)
{
	struct fprog program = { (u16)(bytes / 8), filter };
	u64 flags = SPEC_ALLOW | NEW_LISTENER;
	long ret = CALL(NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

	if (ret != -EACCES)
		return ret;
	ret = CALL(NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return ret < 0 ? ret : CALL(NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* As execvp(3): a file that no binary format takes is a script of the shell's. `argv[-1]` is room for one word more. */
static long become(const char *path, const char **argv, const char **envp)
{
	static const char shell[] = "/bin/sh";
	long ret = CALL(NR_execve, path, argv, envp);

	if (ret != -ENOEXEC)
		return ret;
	argv[-1] = shell;
	argv[0] = path;
	return CALL(NR_execve, shell, argv - 1, envp);
}

void __attribute__((used, noreturn)) start(u64 *stack)
{
	u64 argc = stack[0];
	const char **argv = (const char **)(stack + 1);
	const char **envp = argv + argc + 1;
	volatile int *listener;
	long sibling, ret;
	u32 bytes;

	if (argc < 3)
		leave(125);
	/* Whoever answers the calls is gone: so is the program. */
	CALL(NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
	read_all(&bytes, sizeof(bytes));
	if (bytes > MOST)
		leave(125);
	read_all(filter, bytes);
	CALL(NR_fcntl, SOCKET, F_SETFD, FD_CLOEXEC);
	ret = CALL(NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ret < 0 && ret > -4096)
		goto no_filter;
	listener = (volatile int *)ret;
	sibling = ret = CALL(NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (ret < 0)
		goto no_filter;
	if (ret == 0)
		send_listener(listener);
	ret = put_filter(bytes);
	*listener = (int)ret;
	CALL(NR_futex, listener, FUTEX_WAKE, 1);
	while (CALL(NR_wait4, sibling, 0, 0, 0) == -EINTR)
		;
	if (ret < 0)
		goto no_filter;
	ret = become(argv[1], argv + 2, envp);
	tell('X', ret);
	leave(127);
no_filter:
	tell('F', ret);
	leave(125);
}
