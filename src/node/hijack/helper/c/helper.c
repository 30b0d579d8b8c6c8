// SPDX-License-Identifier: MIT
/*
 * Starts a program whose system calls somebody else answers: puts the filter that it reads from descriptor 3 over itself
 * (seccomp(2), user notification), sends the listener back over that socket, and becomes the program.
 *
 *	helper ROOT PATH... -- ARGV0 [ARGUMENT...]
 *
 * The program is the first PATH that there is, as execvp(3) looks for it. ROOT is a directory that becomes its root, with this machine's /dev, /proc
 * and /sys in it where it has such directories; empty: the root that there is.
 * Over the socket: in, a u32 of the filter's bytes and the filter (struct sock_filter); out, a byte with the listener beside it
 * (SCM_RIGHTS), or two bytes, 'F' (no filter), 'U' (no namespace for a root), 'R' (not that root) or 'X' (no such program), and the errno.
 *	helper
 *
 * Without arguments it watches over the programs of whoever has the other end of the socket, a signed number for each process: it came, or, below zero,
 * it has gone. At the end of the socket those that are left are killed: nobody answers their calls any more.
 *
 * It has no libc, and no decisions: what is caught is in the filter.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#if defined(__x86_64__)
enum { NR_read = 0, NR_write = 1, NR_close = 3, NR_mmap = 9, NR_sendmsg = 46, NR_clone = 56, NR_execve = 59, NR_wait4 = 61,
       NR_fcntl = 72, NR_chdir = 80, NR_getuid = 102, NR_getgid = 104, NR_pivot_root = 155, NR_prctl = 157, NR_mount = 165,
       NR_umount2 = 166, NR_futex = 202, NR_exit_group = 231, NR_openat = 257, NR_unshare = 272, NR_seccomp = 317,
       NR_pidfd_send_signal = 424, NR_pidfd_open = 434 };

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
enum { NR_fcntl = 25, NR_umount2 = 39, NR_mount = 40, NR_pivot_root = 41, NR_chdir = 49, NR_openat = 56, NR_close = 57, NR_read = 63,
       NR_write = 64, NR_exit_group = 94, NR_unshare = 97, NR_futex = 98, NR_prctl = 167, NR_getuid = 174, NR_getgid = 176,
       NR_sendmsg = 211, NR_clone = 220, NR_execve = 221, NR_mmap = 222, NR_wait4 = 260, NR_seccomp = 277,
       NR_pidfd_send_signal = 424, NR_pidfd_open = 434 };

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

enum { EPERM = 1, ENOENT = 2, EINTR = 4, ENOEXEC = 8, EACCES = 13, ENOTDIR = 20, SIGKILL = 9, SIGCHLD = 17 };
enum { SOCKET = 3, F_SETFD = 2, FD_CLOEXEC = 1 };
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_ANONYMOUS = 0x20 };
enum { CLONE_FILES = 0x400, CLONE_NEWNS = 0x20000, CLONE_NEWUSER = 0x10000000 };
enum { MS_BIND = 0x1000, MS_REC = 0x4000, MS_PRIVATE = 1 << 18, MNT_DETACH = 2, AT_FDCWD = -100, O_WRONLY = 1 };
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
	const char *word = argv[0], *before = argv[-1];
	long ret = CALL(NR_execve, path, argv, envp);

	if (ret != -ENOEXEC)
		return ret;
	argv[-1] = shell;
	argv[0] = path;
	ret = CALL(NR_execve, shell, argv - 1, envp);
	argv[-1] = before;
	argv[0] = word;
	return ret;
}

/* The first that can be; else what the first that is there said. */
static long become_first(const char **paths, const char **argv, const char **envp)
{
	long first = -ENOENT;

	for (; paths < argv - 1; paths++) {
		long ret = become(*paths, argv, envp);

		if (ret != -ENOENT && ret != -ENOTDIR && first == -ENOENT)
			first = ret;
	}
	return first;
}

static long put(const char *path, const char *text, u64 bytes)
{
	long fd = CALL(NR_openat, AT_FDCWD, path, O_WRONLY), ret;

	if (fd < 0)
		return fd;
	ret = CALL(NR_write, fd, text, bytes);
	CALL(NR_close, fd);
	return ret;
}

/* That this user, or group, is 0 in the namespace. */
static long map(const char *path, u32 id)
{
	char text[20], *at = text + sizeof(text);
	const char *end = at;

	*--at = '1';
	*--at = ' ';
	do {
		*--at = (char)('0' + id % 10);
		id /= 10;
	} while (id > 0);
	*--at = ' ';
	*--at = '0';
	return put(path, at, (u64)(end - at));
}

/* Mounts of its own; who may not make them is root in a namespace of users first. */
static long own_mounts(void)
{
	u32 uid = (u32)CALL(NR_getuid), gid = (u32)CALL(NR_getgid);
	long ret = CALL(NR_unshare, CLONE_NEWNS);

	if (ret != -EPERM)
		return ret;
	ret = CALL(NR_unshare, CLONE_NEWUSER | CLONE_NEWNS);
	if (ret < 0)
		return ret;
	ret = put("/proc/self/setgroups", "deny", 4);
	if (ret >= 0)
		ret = map("/proc/self/gid_map", gid);
	if (ret >= 0)
		ret = map("/proc/self/uid_map", uid);
	return ret < 0 ? ret : 0;
}

static const char *const machine[] = { "/dev", "/proc", "/sys" };

static long enter(const char *root)
{
	long ret = CALL(NR_mount, 0, "/", 0, MS_REC | MS_PRIVATE);

	/* pivot_root(2) wants a mount. */
	if (ret >= 0)
		ret = CALL(NR_mount, root, root, 0, MS_BIND | MS_REC);
	if (ret >= 0)
		ret = CALL(NR_chdir, root);
	for (u64 i = 0; ret >= 0 && i < sizeof(machine) / sizeof(*machine); i++) {
		ret = CALL(NR_mount, machine[i], machine[i] + 1, 0, MS_BIND | MS_REC);
		if (ret == -ENOENT || ret == -ENOTDIR)
			ret = 0;
	}
	if (ret >= 0)
		ret = CALL(NR_pivot_root, ".", ".");
	/* The old root lies over the new one now. */
	if (ret >= 0)
		ret = CALL(NR_umount2, ".", MNT_DETACH);
	return ret >= 0 ? CALL(NR_chdir, "/") : ret;
}

/* Processes that are watched over; more than that are left to themselves. */
enum { MOST_WATCHED = 16384 };

static struct {
	int pid, pidfd;
} watched[MOST_WATCHED];

static void note(int pid)
{
	u32 i = 0;

	while (i < MOST_WATCHED && watched[i].pid != (pid < 0 ? -pid : 0))
		i++;
	if (i == MOST_WATCHED)
		return;
	if (pid < 0) {
		CALL(NR_close, watched[i].pidfd);
		watched[i].pid = 0;
	} else {
		long pidfd = CALL(NR_pidfd_open, pid, 0);

		if (pidfd < 0)
			return;
		watched[i].pid = pid;
		watched[i].pidfd = (int)pidfd;
	}
}

static void __attribute__((noreturn)) watch(void)
{
	for (;;) {
		int pid = 0;
		u64 had = 0;

		while (had < sizeof(pid)) {
			long got = CALL(NR_read, SOCKET, (u8 *)&pid + had, sizeof(pid) - had);

			if (got == -EINTR)
				continue;
			if (got <= 0)
				goto end;
			had += (u64)got;
		}
		note(pid);
	}
end:
	for (u32 i = 0; i < MOST_WATCHED; i++)
		if (watched[i].pid)
			CALL(NR_pidfd_send_signal, watched[i].pidfd, SIGKILL, 0, 0);
	leave(0);
}

static int is_dashes(const char *word)
{
	return word[0] == '-' && word[1] == '-' && word[2] == 0;
}

void __attribute__((used, noreturn)) start(u64 *stack)
{
	u64 argc = stack[0];
	const char **argv = (const char **)(stack + 1);
	const char **envp = argv + argc + 1;
	const char **paths = argv + 2, **words = paths;
	volatile int *listener;
	long sibling, ret;
	int status = 0;
	u32 bytes;

	if (argc == 1)
		watch();
	if (argc < 5)
		leave(125);
	while (*words && !is_dashes(*words))
		words++;
	if (!*words || !*++words)
		leave(125);
	if (*argv[1]) {
		ret = own_mounts();
		if (ret < 0)
			goto no_namespace;
		ret = enter(argv[1]);
		if (ret < 0)
			goto no_root;
	}
	/* Whoever answers the calls is gone: so is the program. A namespace of users undoes this: after it. */
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
	while (CALL(NR_wait4, sibling, &status, 0, 0) == -EINTR)
		;
	if (ret < 0)
		goto no_filter;
	/* Nobody has the listener: no call that is caught would ever be answered. */
	if (status != 0)
		leave(125);
	ret = become_first(paths, words, envp);
	tell('X', ret);
	leave(127);
no_namespace:
	tell('U', ret);
	leave(125);
no_root:
	tell('R', ret);
	leave(125);
no_filter:
	tell('F', ret);
	leave(125);
}
