import { describe, expect, it } from 'vitest';
import { type SeenCall, scriptedTask } from '../../../test/fakes/scripted-task.ts';
import { CallRunner } from './run.ts';
import type { BatchCall } from './types.ts';

/** The line of one call that `kernel` answers. */
async function line(
  call: BatchCall,
  kernel: (call: SeenCall) => number | undefined = () => 0,
): Promise<string | undefined> {
  const runner = new CallRunner(scriptedTask(kernel), { limitBytes: 1 << 16, nowNs: () => 0n, strace: true });
  return (await runner.run(call)).strace;
}

/** A kernel that writes bytes at an argument's address. */
const writes =
  (index: number, hex: string, ret = 0) =>
  ({ args, bytes }: SeenCall): number => {
    const data = Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    bytes(args[index], data.length).set(data);
    return ret;
  };

describe('a line of strace', () => {
  const plain: [BatchCall, string][] = [
    [{ call: 'getpid' }, 'getpid() = 0'],
    [
      { call: 'openat', args: ['AT_FDCWD', '/x/f', 'O_RDWR|O_CREAT', 0o644] },
      'openat(AT_FDCWD, "/x/f", O_RDWR|O_CREAT, 0644) = 0',
    ],
    [{ call: 'open', args: ['/x', 'O_DIRECTORY'] }, 'openat(AT_FDCWD, "/x", O_RDONLY|O_DIRECTORY) = 0'],
    [{ call: 'mkdirat', args: [5, 'a\n"\\\x01é', 0] }, 'mkdirat(5, "a\\n\\"\\\\\\1\\303\\251", 000) = 0'],
    [{ call: 'write', args: [1, { utf8: 'x'.repeat(40) }, 40] }, `write(1, "${'x'.repeat(32)}"..., 40) = 0`],
    [{ call: 'write', args: [1, 'hello', 3] }, 'write(1, "hel", 3) = 0'],
    [{ call: 'write', args: [1, { hex: '0031ff' }, 3] }, 'write(1, "\\0001\\377", 3) = 0'],
    [{ call: 'read', args: [0, null, 0] }, 'read(0, NULL, 0) = 0'],
    [
      { call: 'mknod', args: ['/n', 'S_IFCHR|0666', 0x103] },
      'mknodat(AT_FDCWD, "/n", S_IFCHR|0666, makedev(0x1, 0x3)) = 0',
    ],
    [{ call: 'pread64', args: [3, null, 0, -1] }, 'pread64(3, NULL, 0, -1) = 0'],
    [
      { call: 'nanosleep', args: [{ tv_sec: 1, tv_nsec: 5 }, null] },
      'clock_nanosleep_time64(CLOCK_REALTIME, 0, {tv_sec=1, tv_nsec=5}, NULL) = 0',
    ],
    [{ call: 'kill', args: [1, 'SIGTERM'] }, 'kill(1, SIGTERM) = 0'],
    [
      { call: 'rt_sigprocmask', args: ['SIG_BLOCK', ['SIGINT', 'SIGTERM'], null, 8] },
      'rt_sigprocmask(SIG_BLOCK, [INT TERM], NULL, 8) = 0',
    ],
    [
      { call: 'socket', args: ['AF_INET', 'SOCK_STREAM|SOCK_CLOEXEC', 'IPPROTO_TCP'] },
      'socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 0',
    ],
    [
      { call: 'socket', args: ['AF_NETLINK', 'SOCK_RAW', 'NETLINK_ROUTE'] },
      'socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 0',
    ],
    [
      { call: 'setsockopt', args: [3, 'SOL_SOCKET', 'SO_REUSEADDR', [1], 4] },
      'setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0',
    ],
    [
      { call: 'setsockopt', args: [3, 'IPPROTO_TCP', 'TCP_NODELAY', [1], 4] },
      'setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0',
    ],
    [
      { call: 'connect', args: [3, { sin_port: 80, sin_addr: '10.0.0.1' }, 16] },
      'connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, 16) = 0',
    ],
    [
      { call: 'connect', args: [3, { sin6_addr: '::1', sin6_port: 53 }, 28] },
      'connect(3, {sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    ],
    [{ call: 'bind', args: [3, { sun_path: '/s' }, 110] }, 'bind(3, {sa_family=AF_UNIX, sun_path="/s"}, 110) = 0'],
    [{ call: 'bind', args: [3, { sun_path: '\0s' }, 4] }, 'bind(3, {sa_family=AF_UNIX, sun_path=@"s"}, 4) = 0'],
    [
      { call: 'writev', args: [1, ['ab', 'c'], 2] },
      'writev(1, [{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}], 2) = 0',
    ],
    [{ call: 'execve', args: ['/bin/x', ['x', '-y'], []] }, 'execve("/bin/x", ["x", "-y"], []) = 0'],
    [{ call: 'fcntl', args: [3, 'F_SETFL', 'O_WRONLY|O_NONBLOCK'] }, 'fcntl64(3, F_SETFL, O_WRONLY|O_NONBLOCK) = 0'],
    [{ call: 'fcntl', args: [3, 'F_GETFD'] }, 'fcntl64(3, F_GETFD) = 0'],
    [{ call: 'semget', args: ['IPC_PRIVATE', 1, 'IPC_CREAT|0600'] }, 'semget(IPC_PRIVATE, 1, IPC_CREAT|0600) = 0'],
    [{ call: 'openat', args: ['AT_FDCWD', '/', '0x40000003'] }, 'openat(AT_FDCWD, "/", 0x40000003 /* O_??? */) = 0'],
    [
      { call: 'epoll_ctl', args: [3, 'EPOLL_CTL_ADD', 4, { events: 'EPOLLIN', data: 7 }] },
      'epoll_ctl(3, EPOLL_CTL_ADD, 4, {events=EPOLLIN, data={u32=7, u64=7}}) = 0',
    ],
  ];
  it.each(plain)('%j', async (call, expected) => {
    expect(await line(call)).toBe(expected);
  });

  it('shows what the call wrote, as much as it produced', async () => {
    expect(await line({ call: 'read', args: [0, { out: 16 }, 16] }, writes(1, '6869 00', 3))).toBe(
      'read(0, "hi\\0", 16) = 3',
    );
    expect(await line({ call: 'pipe', args: [{ out: 'int[2]' }] }, writes(0, '05000000 06000000'))).toBe(
      'pipe2([5, 6], 0) = 0',
    );
    expect(await line({ call: 'wait4', args: [-1, { out: 'int' }, 0, null] }, writes(1, '00020000', 7))).toBe(
      'wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 2}], 0, NULL) = 7',
    );
    expect(await line({ call: 'ioctl', args: [0, 'TIOCGWINSZ', { out: 'winsize' }] }, writes(2, '18005000'))).toBe(
      'ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0',
    );
    expect(await line({ call: 'fcntl', args: [3, 'F_GETFL'] }, () => 0x8802)).toBe(
      'fcntl64(3, F_GETFL) = 0x8802 (flags O_RDWR|O_NONBLOCK|O_LARGEFILE)',
    );
  });

  it('shortens a stat as strace does', async () => {
    const stat = `${'00'.repeat(16)} a4810000 ${'00'.repeat(28)} 05000000`;
    expect(await line({ call: 'fstat64', args: [3, { out: 'stat' }] }, writes(1, stat))).toBe(
      'fstat64(3, {st_mode=S_IFREG|0644, st_size=5, ...}) = 0',
    );
    const statx = `ff070000 ${'00'.repeat(24)} a481 ${'00'.repeat(10)} 05000000`;
    expect(await line({ call: 'fstat', args: [3, { out: 'stat' }] }, writes(4, statx))).toBe(
      'statx(3, "", AT_EMPTY_PATH, STATX_BASIC_STATS, {stx_mask=STATX_BASIC_STATS, stx_attributes=0, stx_mode=S_IFREG|0644, stx_size=5, ...}) = 0',
    );
  });

  it('shows memory that the call changed before and after', async () => {
    const getsockname: BatchCall = { call: 'getsockname', args: [3, { out: 128 }, [128]] };
    const kernel = (call: SeenCall) => {
      writes(1, '0200 0050 0a000001')(call);
      return writes(2, '10000000')(call);
    };
    expect(await line(getsockname, kernel)).toBe(
      'getsockname(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, [128 => 16]) = 0',
    );
  });

  it('shows after the result what poll and select found ready', async () => {
    const poll: BatchCall = { call: 'poll', args: [[{ fd: 7, events: 'POLLIN|POLLOUT' }], 1, 1] };
    expect(await line(poll, writes(0, '07000000 0500 0400', 1))).toBe(
      'ppoll_time64([{fd=7, events=POLLIN|POLLOUT}], 1, {tv_sec=0, tv_nsec=1000000}, NULL, 8) = 1 ([{fd=7, revents=POLLOUT}], left {tv_sec=0, tv_nsec=1000000})',
    );
    const select: BatchCall = { call: 'select', args: [8, [3, 7], [4], null, null] };
    const kernel = (call: SeenCall) => {
      writes(1, '80')(call);
      return writes(2, '00', 1)(call);
    };
    expect(await line(select, kernel)).toBe('pselect6_time64(8, [3 7], [4], NULL, NULL, NULL) = 1 (in [7])');
  });

  it('shows the address of what a failed call did not write, and why', async () => {
    expect(await line({ call: 'read', args: [9, { out: 4 }, 4] }, () => -9)).toBe(
      'read(9, 0x10008, 4) = -1 EBADF (Bad file descriptor)',
    );
    expect(await line({ call: 'getpid' }, () => -4000)).toBe('getpid() = -1 (errno 4000)');
  });

  it('shows an address as one', async () => {
    const mmap: BatchCall = {
      call: 'mmap',
      args: [0, 4096, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS', -1, 0],
    };
    expect(await line(mmap)).toBe(
      'mmap2(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x20000',
    );
  });
});
