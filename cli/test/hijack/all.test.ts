/** `lkl hijack --all`: what programs talk to each other by is our kernel's; and waits that signals end, with and without it. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { obstacle } from '../../../src/node/hijack/host/launch.ts';
import { lkl } from '../command.ts';

const why = spawnSync('python3', ['-V']).error ? 'no python3 on this machine' : obstacle();
const folder = mkdtempSync(join(tmpdir(), 'lkl-all-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = async (options: readonly string[], ...program: readonly string[]) => {
  const { stdout, stderr, exitCode } = await lkl(['hijack', ...options, '--', ...program]);
  return { stdout: stdout.toString(), stderr, exitCode };
};
const all = (script: string) => run(['--all'], 'python3', '-c', `import os; os.chdir('${folder}')\n${script}`);
const shell = (script: string) => run(['--all'], 'bash', '-c', `cd '${folder}'; ${script}`);

describe.skipIf(why !== undefined)(`lkl hijack --all${why ? ` (${why})` : ''}`, () => {
  it.each([
    ['pipelines', 'seq 20000 | sort -n | tail -1; yes | head -1', '20000\ny\n'],
    ['substitutions, by names of descriptors', 'x=$(echo a | tr a b); cat <(echo $x) /dev/stdin <<< c', 'b\nc\n'],
    ['a coprocess', `coproc cat; echo d >&\${COPROC[1]}; read -u \${COPROC[0]} l; echo $l`, 'd\n'],
    ['jobs at once', 'for i in $(seq 30); do (echo $i | cat | cat) & done | wc -l; wait', '30\n'],
  ])('shells: %s', async (_, script, stdout) => {
    expect(await shell(script)).toEqual({ stdout, stderr: '', exitCode: 0 });
  });

  it('pipes are ours: what is asked of them, and how they break', async () => {
    const script = `
import fcntl, select, signal, stat
r, w = os.pipe()
print(os.readlink(f'/proc/self/fd/{r}').split(':')[0], stat.S_ISFIFO(os.fstat(w).st_mode), fcntl.fcntl(w, 1032))
os.set_blocking(r, False)
try: os.read(r, 1)
except OSError as e: print(e.strerror)
os.write(w, b'abc'); again = os.open(f'/dev/fd/{r}', os.O_RDONLY)
print(select.select([r], [w], [], 1) == ([r], [w], []), os.read(again, 10))
pid = os.fork()
if pid == 0:
  signal.signal(signal.SIGPIPE, signal.SIG_DFL); os.close(r); os.close(again); os.read(0, 1); os.write(w, b'x'); os._exit(7)
os.close(r); os.close(again)
print(os.waitpid(pid, 0)[1] == signal.SIGPIPE, os.eventfd_read(os.eventfd(3)))
print('eventfd-count:                7' in open('/proc/self/fdinfo/%d' % os.eventfd(7)).read())`;
    expect(await all(script)).toEqual({
      stdout: "pipe True 65536\nResource temporarily unavailable\nTrue b'abc'\nTrue 3\nTrue\n",
      stderr: '',
      exitCode: 0,
    });
  });

  it("descriptors of both kernels go over AF_UNIX, and only when they arrive are they the receiver's", async () => {
    const script = `
import socket, struct
a, b = socket.socketpair()
r, w = os.pipe()
mine = os.open('/etc/passwd', os.O_RDONLY)
socket.send_fds(a, [b'three'], [r, mine, b.fileno()])
os.close(mine); os.close(r)
text, fds, flags, _ = socket.recv_fds(b, 100, 10)
os.write(w, b'pipe')
print(text, flags & socket.MSG_CTRUNC, os.read(fds[0], 9), os.read(fds[1], 5))
c = socket.socket(fileno=fds[2]); a.send(b'twice'); print(c.recv(9), c.family == socket.AF_UNIX)
try: socket.send_fds(a, [b'x'], [99])
except OSError as e: print(e.strerror)
a.send(b'after'); print(b.recv(9))
two = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('i', n)) for n in (w, 0)]
a.sendmsg([b'two'], two); print(len(socket.recv_fds(b, 9, 5)[1]))
socket.send_fds(a, [b'x'], [w, w, w])
print(len(socket.recv_fds(b, 9, 1)[1]))`;
    expect(await all(script)).toEqual({
      stdout: "b'three' 0 b'pipe' b'root:'\nb'twice' True\nBad file descriptor\nb'after'\n2\n1\n",
      stderr: '',
      exitCode: 0,
    });
  });

  it('descriptors of the machine that nobody receives, or that are sent with a mistake, do not stay open', async () => {
    const script = `
import socket, struct
def fds(): return len(os.listdir(f'/proc/{os.getppid()}/fd'))
mine = os.open('/etc/passwd', os.O_RDONLY)
before = fds()
for i in range(150):
  a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [mine, mine])
  if i % 2: b.recv(1)
  a.close(); b.close()
print(fds() - before < 140)
a, b = socket.socketpair(); before = fds()
for i in range(30):
  try: a.sendmsg([b'x'], [(1, 1, struct.pack('i', n)) for n in (mine, 999)])
  except OSError as e: error = e.strerror
print(error, fds() - before)
socket.send_fds(a, [b'y'], [mine]); print(os.read(socket.recv_fds(b, 1, 3)[1][0], 4))`;
    expect(await all(script)).toEqual({ stdout: "True\nBad file descriptor 0\nb'root'\n", stderr: '', exitCode: 0 });
  });

  it('who connected, and who sent, is told as it was when others came since', async () => {
    const script = `
import socket, struct, subprocess, sys
l = socket.socket(socket.AF_UNIX); l.bind('\\0who'); l.listen(9)
code = "import socket, os; s = socket.socket(socket.AF_UNIX); s.connect('\\\\0who'); print(os.getpid())"
came = [int(subprocess.run([sys.executable, '-c', code], capture_output=True, check=True).stdout) for _ in 'xyz']
print([struct.unpack('iii', l.accept()[0].getsockopt(1, 17, 12))[0] for _ in 'xyz'] == came)
c, d = socket.socketpair(); d.setsockopt(1, 16, 1); c.send(b'z')
print(struct.unpack('iii', d.recvmsg(9, 99)[1][0][2]) == (os.getpid(), os.getuid(), os.getgid()))
import ctypes
long = struct.pack('H', 1) + b'n' * 111
print(ctypes.CDLL(None, use_errno=True).bind(c.fileno(), long, len(long)), ctypes.get_errno())`;
    expect(await all(script)).toEqual({ stdout: 'True\nTrue\n-1 22\n', stderr: '', exitCode: 0 });
  });

  it('message queues of both kinds are ours: names, notices, limits of time, who wrote', async () => {
    const script = `
import ctypes, signal, struct, time
c = ctypes.CDLL(None, use_errno=True)
def err(r): return r if r >= 0 else os.strerror(ctypes.get_errno())
os.umask(0o027); buf = ctypes.create_string_buffer(100); prio = ctypes.c_uint()
q = c.mq_open(b'/one', os.O_CREAT | os.O_RDWR, 0o666, struct.pack('8q', 0, 4, 100, 0, 0, 0, 0, 0))
print(oct(os.stat('/dev/mqueue/one').st_mode), os.listdir('/dev/mqueue'), os.get_inheritable(q))
got = []; signal.signal(signal.SIGUSR1, lambda s, f: got.append(s)); signal.siginterrupt(signal.SIGUSR1, False)
event = struct.pack('Qii48x', 7, signal.SIGUSR1, 0)
print(err(c.mq_notify(q, event)), err(c.mq_notify(q, event)))
print(err(c.mq_send(q, b'low', 3, 1)), err(c.mq_send(q, b'high', 4, 9)), err(c.mq_send(q, b'x' * 101, 101, 0)))
while not got: time.sleep(0.01)
print([(c.mq_receive(q, buf, 100, ctypes.byref(prio)), buf.raw[:3], prio.value) for _ in 'ab'])
t = time.time() + 0.05
print(err(c.mq_timedreceive(q, buf, 100, None, struct.pack('qq', int(t), int(t % 1 * 1e9)))))
if os.fork() == 0: os._exit(c.mq_receive(q, buf, 100, None))
c.mq_send(q, b'child', 5, 0); print(os.wait()[1] >> 8, err(c.mq_unlink(b'/one')), err(c.mq_open(b'/one', 0)))
i = c.msgget(0, 0o1600); L = ctypes.c_long
print(err(c.msgsnd(i, struct.pack('q5s', 5, b'five'), 5, 0)), err(c.msgsnd(i, struct.pack('q6s', 3, b'three'), 6, 0)))
c.msgctl(i, 2, buf2 := ctypes.create_string_buffer(200)); ds = buf2.raw
print(oct(struct.unpack_from('I', ds, 20)[0] & 0o777), struct.unpack_from('2Q', ds, 72), struct.unpack_from('2i', ds, 96) == (os.getpid(), 0))
print([(c.msgrcv(i, buf, 100, L(n), 0), struct.unpack_from('q', buf.raw)[0], buf.raw[8:12]) for n in (3, -9)], err(c.msgrcv(i, buf, 100, L(0), 0o4000)))
signal.signal(signal.SIGALRM, lambda *x: None); signal.siginterrupt(signal.SIGALRM, False); signal.setitimer(signal.ITIMER_REAL, 0.3)
print(err(c.msgrcv(i, buf, 100, L(0), 0)), err(c.msgctl(i, 0, None)), err(c.msgsnd(i, buf, 1, 0)))`;
    expect(await all(script)).toEqual({
      stdout: `0o100640 ['one'] False
0 Device or resource busy
0 0 Message too long
[(4, b'hig', 9), (3, b'low', 1)]
Connection timed out
5 0 No such file or directory
0 0
0o600 (11, 2) True
[(6, 3, b'thre'), (5, 5, b'five')] No message of desired type
Interrupted system call 0 Invalid argument
`,
      stderr: '',
      exitCode: 0,
    });
  });

  it("a socket's name among files is one in all network namespaces, also when its number is another's", async () => {
    const script = `
import socket
def at(name, kind=socket.SOCK_STREAM):
  s = socket.socket(socket.AF_UNIX, kind); s.bind(name); return s
l = at('apart'); l.listen(9)
if os.fork() == 0:
  import ctypes
  if ctypes.CDLL(None).unshare(0x40000000) != 0: os._exit(1)
  s = socket.socket(socket.AF_UNIX); s.connect('apart'); print(s.getpeername(), flush=True); os._exit(0)
a = l.accept()[0]; os.wait(); print(a.getsockname())
for i in range(30):
  os.unlink('apart'); old, l = l, at('apart'); l.listen(9)
  c = socket.socket(socket.AF_UNIX); c.connect('apart'); l.accept(); assert c.getpeername() == 'apart'
  if i % 2: old.close()
l.close()
try: socket.socket(socket.AF_UNIX).connect('apart')
except OSError as e: print(e.strerror)`;
    expect(await all(script)).toEqual({ stdout: 'apart\napart\nConnection refused\n', stderr: '', exitCode: 0 });
  });

  it('names of sockets are files of the machine, which nothing of the machine reaches', async () => {
    const script = `
import socket, struct, subprocess, sys
os.umask(0o027)
l = socket.socket(socket.AF_UNIX); l.bind('${folder}/name'); l.listen()
print(l.getsockname() == '${folder}/name', oct(os.stat('name').st_mode))
c = socket.socket(socket.AF_UNIX); c.connect('name'); d, _ = l.accept()
print(struct.unpack('iii', d.getsockopt(1, 17, 12)) == (os.getpid(), os.getuid(), os.getgid()), c.getpeername() == '${folder}/name')
try: socket.socket(socket.AF_UNIX).bind('name')
except OSError as e: print(e.strerror)
l.close()
for step in ('closed', 'gone'):
  try: socket.socket(socket.AF_UNIX).connect('name')
  except OSError as e: print(step, e.strerror)
  if step == 'closed': os.unlink('name')
x, y = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in 'xy']
x.bind('x'); y.bind('y'); x.sendto(b'hi', 'y'); print(y.recvfrom(9))
z = socket.socket(socket.AF_UNIX); z.bind('\\0far'); z.listen()
code = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\\\0far'); s.send(b'child')"
subprocess.run([sys.executable, '-c', code], check=True); print(z.accept()[0].recv(9))`;
    const stdout =
      "True 0o140750\nTrue True\nAddress already in use\nclosed Connection refused\ngone No such file or directory\n(b'hi', 'x')\nb'child'\n";
    expect(await all(script)).toEqual({ stdout, stderr: '', exitCode: 0 });
  });

  it("/proc and /sys are the kernel's, but for processes", async () => {
    const { stdout } = await shell('cut -d" " -f3 /proc/version; cat /proc/self/comm; ls /sys/class/net');
    expect(stdout).toMatch(/^6\.12\.\d+\S*\ncat\nbonding_masters\nlo\n$/);
  });

  it('virtual time passes while programs wait for each other', async () => {
    const { stdout } = await run(
      ['--all', '--clock', 'virtual'],
      'bash',
      '-c',
      'sleep 5000 | cat; echo $((SECONDS / 1000))',
    );
    expect(stdout).toBe('5\n');
  });

  it('is of a kernel here', async () => {
    expect(await run(['--all', '--session', 'http://127.0.0.1:1/v1/sessions/x'], 'true')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('--all is of a kernel here'),
    });
  });
});

describe.skipIf(why !== undefined)('waits and signals', () => {
  const script = `
import ctypes, os, select, signal, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGALRM, lambda *a: None)
signal.siginterrupt(signal.SIGALRM, False)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))
def entry(fd): return struct.pack('ihh', fd, 1, 0)
def soon(): signal.setitimer(signal.ITIMER_REAL, 0.2)
e = libc.epoll_create1(0)
libc.epoll_ctl(e, 1, s.fileno(), struct.pack('<IQ' if os.uname().machine == 'x86_64' else '<I4xQ', 1, 7))
out = ctypes.create_string_buffer(64)
for wait in (lambda: libc.poll(entry(s.fileno()), 1, -1), lambda: libc.epoll_wait(e, out, 1, -1)):
  soon(); print(wait(), ctypes.get_errno())
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
f = libc.signalfd(-1, struct.pack('<Q', 0), 0)
libc.epoll_ctl(e, 1, f, struct.pack('<IQ' if os.uname().machine == 'x86_64' else '<I4xQ', 1, 9))
libc.signalfd(f, struct.pack('<Q', 1 << (signal.SIGALRM - 1)), 0)
soon(); print(libc.epoll_wait(e, out, 2, -1), 9 in out.raw[:16])
two = ctypes.create_string_buffer(entry(s.fileno()) + entry(f), 16)
print(libc.poll(two, 2, -1), two.raw[14], len(os.read(f, 128)), libc.poll(two, 2, 20), libc.epoll_wait(e, out, 2, 20))
signal.raise_signal(signal.SIGALRM); os.close(f); print(libc.epoll_wait(e, out, 2, 20))`;

  it.each([
    ['', []],
    [' with --all', ['--all']],
  ])('are as on the machine: EINTR, and signalfd%s', async (_, options) => {
    const here = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
    expect(here.stdout).toBe('-1 4\n-1 4\n1 True\n1 1 128 0 0\n0\n');
    expect(await run(options, 'python3', '-c', script)).toEqual({ stdout: here.stdout, stderr: '', exitCode: 0 });
  });

  it('what a call pointed at is not written once a signal has ended the call', async () => {
    const interrupted = `
import ctypes, os, select, signal, socket, threading, time
signal.signal(signal.SIGALRM, lambda *a: 1 / 0)
def attempt():
  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); s.settimeout(5)
  signal.setitimer(signal.ITIMER_REAL, 0.05)
  try: s.recv(9)
  except ZeroDivisionError: pass
  s.close()
def deep(n): return deep(n - 1) if n else os.write(1, b'.')
for _ in range(10):
  attempt(); deep(3)
def wait(s): return select.select([s], [], [], 0.6)
def closed():
  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); signal.setitimer(signal.ITIMER_REAL, 0.05)
  try: wait(s)
  except ZeroDivisionError: s.close(); os.stat('/')
closed(); s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); before = time.monotonic()
print(wait(s)[0], time.monotonic() - before > 0.5)
s, t = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in 'st']; s.bind(('127.0.0.1', 0))
def send(*a): t.sendto(b'once', s.getsockname())
signal.signal(signal.SIGALRM, send); signal.siginterrupt(signal.SIGALRM, False)
into = ctypes.create_string_buffer(8); libc = ctypes.CDLL(None)
threading.Timer(5, send).start()
signal.setitimer(signal.ITIMER_REAL, 0.1); print(libc.recv(s.fileno(), into, 8, 0), into.raw[:4])`;
    const { stdout, stderr } = await run([], 'python3', '-c', interrupted);
    expect({ stdout, stderr }).toEqual({ stdout: "..........[] True\n4 b'once'\n", stderr: '' });
  });
});
