/** `lkl hijack` as people run it: LKL's hijack-test.sh by its names, and what its library cannot do. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { obstacle } from '../../../src/node/hijack/host/launch.ts';
import { lkl } from '../command.ts';
import { launcher } from '../launcher.ts';

/** Why nothing can be hijacked here. */
function missing(): string | undefined {
  for (const program of ['ip', 'python3']) if (spawnSync(program, ['-V']).error) return `no ${program} on this machine`;
  return obstacle();
}

const why = missing();
const folder = mkdtempSync(join(tmpdir(), 'lkl-hijack-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const python = (script: string, ...args: string[]) => ['python3', '-c', script, ...args];
const hijacked = async (program: readonly string[], options: readonly string[] = []) => {
  const ran = await lkl(['hijack', ...options, '--', ...program]);
  return { ...ran, stdout: ran.stdout.toString() };
};
const configured = (value: unknown, program: readonly string[]) => {
  writeFileSync(at('conf.json'), JSON.stringify(value));
  return hijacked(program, ['-c', at('conf.json')]);
};

describe.skipIf(why !== undefined)(`lkl hijack${why ? ` (${why})` : ''}`, () => {
  describe("LKL's hijack-test.sh", () => {
    it('ip addr', async () => {
      const { stdout, exitCode } = await hijacked(['ip', 'addr']);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/^1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536/);
      expect(stdout).not.toMatch(/^2:/m);
    });

    it('ip route', async () => {
      const { stdout } = await hijacked(['ip', 'route', 'show', 'table', 'local']);
      expect(stdout).toContain('local 127.0.0.1 dev lo');
    });

    it.each([
      ['ping', 'AF_INET', '127.0.0.1', 'IPPROTO_ICMP', 8],
      ['ping6', 'AF_INET6', '::1', '58', 128],
    ])('%s', async (_, family, address, protocol, type) => {
      const protocolName = /^\d/.test(protocol) ? protocol : `socket.${protocol}`;
      const script = `
import socket, struct
s = socket.socket(socket.${family}, socket.SOCK_RAW, ${protocolName}); s.settimeout(10)
sum = 0xffff - (${type} << 8) - 7 - 1
s.sendto(struct.pack('>BBHHH', ${type}, 0, sum, 7, 1), ('${address}', 0))
while True:
  data = s.recv(100)[${family === 'AF_INET' ? 20 : 0}:]
  if data[0] in (0, 129): break
print(data[0], struct.unpack('>HH', data[4:8]))`;
      const { stdout, stderr } = await hijacked(python(script));
      expect({ stdout, stderr }).toEqual({ stdout: `${type === 8 ? 0 : 129} (7, 1)\n`, stderr: '' });
    });

    it('mount and dump', async () => {
      const value = { mount: 'proc,sysfs', dump: '/sysfs/class/net/lo/mtu,/sysfs/class/net/lo/dev_id' };
      const { stdout } = await configured(value, ['cat', '/sysfs/class/net/lo/mtu']);
      expect(stdout).toBe(
        '65536\nReading from /sysfs/class/net/lo/mtu:\n==========\n65536\n\nReading from /sysfs/class/net/lo/dev_id:\n==========\n0x0\n\n',
      );
    });

    it('boot_cmdline', async () => {
      const value = { boot_cmdline: 'mem=32M', mount: 'proc', dump: '/proc/cmdline' };
      expect(await configured(value, ['true'])).toMatchObject({ exitCode: 0, stderr: '' });
    });
  });

  describe('configuration', () => {
    it('comes from the environment, and JSON goes over it', async () => {
      process.env.LKL_HIJACK_SYSCTL = 'net.ipv4.tcp_sack=0;net.ipv4.tcp_dsack=0';
      try {
        const files = ['/proc/sys/net/ipv4/tcp_sack', '/proc/sys/net/ipv4/tcp_dsack'];
        expect((await hijacked(['cat', ...files])).stdout).toBe('0\n0\n');
        expect((await configured({ sysctl: 'net.ipv4.tcp_sack=0' }, ['cat', ...files])).stdout).toBe('0\n1\n');
      } finally {
        delete process.env.LKL_HIJACK_SYSCTL;
      }
    });

    it('names a resolver', async () => {
      const { stdout } = await configured({ nameserver: '192.0.2.53' }, ['cat', '/etc/resolv.conf']);
      expect(stdout).toBe('nameserver 192.0.2.53\n');
    });

    it('says what LKL would refuse', async () => {
      expect(await configured({ gatway: '10.0.0.1' }, ['true'])).toMatchObject({
        exitCode: 4,
        stderr: 'lkl: gatway: unexpected key in json gatway\n',
      });
    });
  });

  it('keeps this machine out: what is bound here is free there', async () => {
    const script = `
import socket
s = socket.socket(); s.bind(('127.0.0.1', 22)); s.listen(); print(s.getsockname())
open('/proc/net/tcp').read().index(':0016')`;
    expect((await hijacked(python(script))).stdout).toBe("('127.0.0.1', 22)\n");
  });

  it('serves HTTP from one program to another', async () => {
    const script = `
import http.server, threading, subprocess, sys
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
code = "import sys, urllib.request as u; print(len(u.urlopen('http://127.0.0.1:' + sys.argv[1] + '/file').read()))"
print(subprocess.run([sys.executable, '-c', code, str(server.server_port)], capture_output=True, text=True).stdout)`;
    writeFileSync(at('file'), new Uint8Array(3_000_000));
    const { stdout } = await hijacked(['sh', '-c', 'cd "$0" && exec "$@"', folder, ...python(script)]);
    expect(stdout).toBe('3000000\n\n');
  });

  it('has descriptors of both kinds in one poll, select and epoll', async () => {
    const script = `
import os, select, socket
r, w = os.pipe()
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def poll(ms):
  p = select.poll(); p.register(r, select.POLLIN); p.register(a, select.POLLIN)
  return [fd for fd, _ in p.poll(ms)]
def sel(ms): return [x if isinstance(x, int) else x.fileno() for x in select.select([r, a], [], [], ms / 1000)[0]]
e = select.epoll(); e.register(r, select.EPOLLIN); e.register(a, select.EPOLLIN)
def epoll(ms): return [fd for fd, _ in e.poll(ms / 1000)]
def child(what):
  if os.fork() == 0:
    import time; time.sleep(0.1); what(); os._exit(0)
for wait in (poll, sel, epoll):
  print(wait(0), wait(20), end=' ')
  child(lambda: os.write(w, b'x')); print(wait(-1 if wait is not sel else 9000) == [r], end=' '); os.read(r, 1); os.wait()
  child(lambda: b.sendto(b'y', a.getsockname())); print(wait(-1 if wait is not sel else 9000) == [a.fileno()], end=' '); a.recv(9); os.wait()
  os.write(w, b'x'); b.sendto(b'y', a.getsockname()); print(sorted(wait(1000)) == sorted([r, a.fileno()])); os.read(r, 1); a.recv(9)`;
    const line = '[] [] True True True\n';
    expect(await hijacked(python(script))).toMatchObject({ stdout: line.repeat(3), stderr: '' });
  });

  it('keeps descriptors through dup, fork, exec, SCM_RIGHTS, and closes with the last of them', async () => {
    const script = `
import array, os, socket, subprocess, sys
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); port = s.getsockname()[1]
os.dup2(s.fileno(), 77, inheritable=True); s.close()
code = "import socket; print(socket.socket(fileno=77).getsockname()[1])"
print(subprocess.run([sys.executable, '-c', code], pass_fds=[77], capture_output=True, text=True).stdout.strip() == str(port))
left, right = socket.socketpair()
socket.send_fds(left, [b'.'], [77]); os.close(77)
taken = socket.recv_fds(right, 1, 1)[1][0]
t = socket.socket(fileno=taken); print(t.getsockname()[1] == port)
print(os.readlink('/proc/self/fd/%d' % taken).startswith('socket:['), 'lkl' )
t.close()
again = socket.socket(); again.bind(('127.0.0.1', port)); print('free')`;
    expect(await hijacked(python(script))).toMatchObject({ stdout: 'True\nTrue\nTrue lkl\nfree\n', stderr: '' });
  });

  it('lets signals into calls that wait, with and without SA_RESTART', async () => {
    const script = `
import signal, socket, threading, time, os
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0))
class Tick(Exception): pass
def raise_it(*_): raise Tick()
signal.signal(signal.SIGALRM, raise_it); signal.setitimer(signal.ITIMER_REAL, 0.2)
try: a.recv(10)
except Tick: print('interrupted')
seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append(1)); signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
def send():
  time.sleep(0.5)
  b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
  for i in range(3): b.sendto(b'%d' % i, a.getsockname())
threading.Thread(target=send).start()
print([a.recv(10) for _ in range(3)], len(seen) > 0)`;
    expect(await hijacked(python(script))).toMatchObject({
      stdout: "interrupted\n[b'0', b'1', b'2'] True\n",
      stderr: '',
    });
  });

  it('sends signals about files as the machine does for its own', async () => {
    const script = `
import fcntl, os, signal, socket, struct, time
os.setpgid(0, 0)
got = set()
signal.signal(signal.SIGIO, lambda *_: got.add('IO')); signal.signal(signal.SIGURG, lambda *_: got.add('URG'))
def take(expected):
  until = time.monotonic() + (5 if expected else 0.1)
  while time.monotonic() < until and not expected <= got: time.sleep(0.01)
  seen = sorted(got); got.clear(); return seen
IO, URG, none = {'IO'}, {'URG'}, set()
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0)); b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def send(): b.sendto(b'x', a.getsockname())
def code(f, *args):
  try: return f(*args)
  except OSError as e: return e.errno
me = os.getpid()
fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC); send(); print('nobody', take(none))
fcntl.fcntl(a, fcntl.F_SETOWN, me); print('what was there', take(none)); send(); print('one', take(IO)); send(); print('unread', take(IO))
fcntl.fcntl(a, fcntl.F_SETFL, 0); send(); print('off', take(none)); fcntl.ioctl(a, 0x5452, struct.pack('i', 1)); send(); print('FIOASYNC', take(IO))
fcntl.fcntl(a, fcntl.F_SETOWN, -me); send(); print('group', take(IO), struct.unpack('ii', fcntl.fcntl(a, 16, bytes(8))) == (2, me))
print(code(fcntl.fcntl, a, fcntl.F_SETOWN, 99999999), code(fcntl.fcntl, a, fcntl.F_SETOWN, 1), code(fcntl.fcntl, a, 10, 65))
fcntl.fcntl(a, 15, struct.pack('ii', 0, me)); send(); print('thread', take(IO))
rt = signal.SIGRTMIN + 1; signal.pthread_sigmask(signal.SIG_BLOCK, [rt]); fcntl.fcntl(a, 10, rt); send()
info = signal.sigtimedwait([rt], 5); print(fcntl.fcntl(a, 11) == rt, info.si_signo == rt, info.si_band & 1)
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(); fcntl.ioctl(l, 0x8901, struct.pack('i', me)); fcntl.fcntl(l, fcntl.F_SETFL, os.O_ASYNC)
c = socket.create_connection(l.getsockname()); print('came', take(IO)); d, _ = l.accept()
fcntl.fcntl(d, fcntl.F_SETOWN, me); c.send(b'u', socket.MSG_OOB); print('urgent', take(URG)); d.recv(1, socket.MSG_OOB); c.send(b'x'); print('plain', take(none))`;
    const { stdout, stderr } = await hijacked(python(script));
    expect({ stdout, stderr }).toEqual({
      stdout: `nobody []
what was there []
one ['IO']
unread ['IO']
off []
FIOASYNC ['IO']
group ['IO'] True
3 3 22
thread ['IO']
True True 1
came ['IO']
urgent ['URG']
plain []
`,
      stderr: '',
    });
  });

  it('closes before what comes next, and sends SIGPIPE as to a program of its own', async () => {
    const script = `
import os, signal, socket, time
def broken(handler):
  if os.fork() == 0:
    signal.signal(signal.SIGPIPE, handler)
    l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
    c = socket.create_connection(l.getsockname()); d, _ = l.accept()
    c.close(); d.send(b'x'); time.sleep(0.1)
    try: d.send(b'y')
    except OSError as e: os._exit(e.errno)
  return os.waitstatus_to_exitcode(os.wait()[1])
print(broken(signal.SIG_DFL), broken(signal.SIG_IGN), broken(lambda *_: None))
def first():
  l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(); name = l.getsockname(); c = socket.create_connection(name)
  os.dup2(l.detach(), 101); os.dup2(c.detach(), 100); os.closerange(3, 100)
  l = socket.socket(fileno=101); fd, _ = l._accept(); l.detach(); os.closerange(fd, 102)
  try: socket.socket().bind(name)
  except OSError as e: return e.errno
print({first() for _ in range(5)})
a = socket.socket(); a.bind(('127.0.0.1', 0)); a.listen(); c = socket.create_connection(a.getsockname()); d, _ = a.accept(); c.sendall(bytes(9000))
import ctypes; print(ctypes.CDLL(None).recv(d.fileno(), None, 1 << 20, socket.MSG_TRUNC))
# close(2) would wait for who is to read what was sent.
d.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\\1\\0\\0\\0\\xff\\xff\\0\\0'); d.setblocking(False); n = 0
try:
  while True: n += d.send(bytes(65536))
except BlockingIOError: d.close()
print(sum(iter(lambda: len(c.recv(1 << 20)), 0)) == n)`;
    expect(await hijacked(python(script))).toMatchObject({ stdout: '-13 32 32\n{98}\n9000\nTrue\n', stderr: '' });
  });

  it('is not confused by signals that come to the command itself', async () => {
    const script = `
import socket
kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM]
def right(i):
  with socket.socket(socket.AF_INET, kinds[i % 2]) as s: return s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == kinds[i % 2]
print(sum(right(i) for i in range(2000)))`;
    // The profiler asks by SIGPROF where the command is, some thousand times a second.
    const profiled = ['--cpu-prof', '--cpu-prof-interval', '60', '--cpu-prof-dir', folder];
    const args = [...profiled, launcher, 'hijack', ...python(script)];
    expect(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout).toBe('2000\n');
  });

  it('has room for as many threads as there is memory for, and says ENOMEM to more', async () => {
    const script = `
import errno, socket, threading
done = threading.Event(); ends = []
def wait(s):
  try: s.recv(1); ends.append('received')
  except OSError as e: ends.append(errno.errorcode[e.errno])
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(400)]
for s in socks: s.bind(('127.0.0.1', 0))
threads = [threading.Thread(target=wait, args=(s,)) for s in socks]
for t in threads: t.start()
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for s in socks: out.sendto(b'x', s.getsockname())
for t in threads: t.join()
print(sorted(set(ends)), len(ends))`;
    const few = await hijacked(python(script));
    expect(few).toMatchObject({ stdout: "['received'] 400\n", stderr: '' });
    const many = await hijacked(python(script), ['-m', '24']);
    expect(many).toMatchObject({ stdout: "['ENOMEM', 'received'] 400\n", stderr: '' });
  });

  it('has epoll over descriptors of both kinds where few may be open, and says EMFILE beyond', async () => {
    const script = `
import errno, os, select, socket
r, w = os.pipe(); os.dup2(r, 100)
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0))
e = select.epoll(); e.register(a); e.register(100, select.EPOLLIN); e.register(r, select.EPOLLIN)
os.write(w, b'x'); print(sorted(fd for fd, _ in e.poll(5)) == sorted([a.fileno(), 100, r]))
e.unregister(100); print(sorted(fd for fd, _ in e.poll(5)) == sorted([a.fileno(), r]))
many = []
try:
  while True: many.append(socket.socket())
except OSError as cause: print(errno.errorcode[cause.errno], len(many) > 20)
many.clear(); socket.socket().close(); print(e.poll(5) != [])`;
    const args = ['-c', 'ulimit -n 256; exec "$@"', 'sh', process.execPath, launcher, 'hijack', ...python(script)];
    const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'True\nTrue\nEMFILE True\nTrue\n', stderr: '' });
  });

  it('finds names through its own network', async () => {
    const script = `
import socket, struct, subprocess, threading
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53))
def serve():
  while True:
    query, who = s.recvfrom(512); end = query.index(b'\\0', 12) + 5
    isA = query[end - 3] == 1
    answer = b'\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04' + bytes([192, 0, 2, 7]) if isA else b''
    s.sendto(query[:2] + b'\\x81\\x80\\0\\x01\\0' + bytes([isA]) + b'\\0\\0\\0\\0' + query[12:end] + answer, who)
threading.Thread(target=serve, daemon=True).start()
print(socket.getaddrinfo('some.example.test', 80, socket.AF_INET, socket.SOCK_STREAM)[0][4])`;
    const { stdout, stderr } = await configured({ nameserver: '127.0.0.1' }, python(script));
    expect({ stdout, stderr }).toEqual({ stdout: "('192.0.2.7', 80)\n", stderr: '' });
  });

  it('lets virtual time pass while its programs wait', async () => {
    const script = `
import socket, subprocess, time
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0))
subprocess.run(['tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '100s'], check=True)
before = time.monotonic(); a.sendto(b'far', a.getsockname()); print(a.recv(3), round(time.monotonic() - before, 3))`;
    expect(await hijacked(python(script), ['--clock', 'virtual', '--seed', 'a'])).toMatchObject({
      stdout: "b'far' 100.0\n",
      stderr: '',
    });
  });

  it('has timers of processes in virtual time', async () => {
    const script = `
import ctypes, os, signal, struct, subprocess, threading, time
libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [40, 41])
def make(clock, sig, notify=0, tid=0):
  t = ctypes.c_void_p(0)
  assert libc.timer_create(clock, struct.pack('<Qiii', 77, sig, notify, tid) + bytes(44), ctypes.byref(t)) == 0
  return t
def arm(t, left, every=0, flags=0): return libc.timer_settime(t, flags, struct.pack('<4q', every, 0, left, 0), None)
began = time.time()
def told(*what): print(*what, round(time.time() - began))
t = make(1, 40); arm(t, 1000, 500)
i = signal.sigwaitinfo([40]); told(i.si_code)
left = ctypes.create_string_buffer(32); libc.timer_gettime(t, left); told(struct.unpack('<4q', left.raw)[0])
time.sleep(1750); signal.sigwaitinfo([40]); told(libc.timer_getoverrun(t), signal.sigtimedwait([40], 0))
told(libc.timer_delete(t), libc.timer_delete(t), ctypes.get_errno())
a = make(0, 41, 4, threading.get_native_id()); arm(a, int(time.time()) + 5000, 0, 1); signal.sigwaitinfo([41])
print(7749 < time.time() - began < 7751, arm(make(2, 40), 0))
print(subprocess.run(['timeout', '1000', 'sleep', '5000']).returncode, 8749 < time.time() - began < 8760)
signal.signal(40, signal.SIG_IGN); g = make(1, 40); arm(g, 10, 10); b = time.monotonic(); time.sleep(1005)
signal.signal(40, lambda *_: None); signal.sigwaitinfo([40]); print(libc.timer_getoverrun(g) - int((time.monotonic() - b) / 10))`;
    expect(await hijacked(['python3', '-u', '-c', script], ['--clock', 'virtual'])).toMatchObject({
      stdout: '-2 1000\n500 1000\n2 None 2750\n0 -1 22 2750\nTrue 0\n124 True\n-1\n',
      stderr: '',
    });
  });

  it('tells of what repeats faster than programs get on less often, and of all of it', async () => {
    const script = `
import ctypes, os, signal, struct, threading, time
libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
t = ctypes.c_void_p(0)
assert libc.timer_create(1, struct.pack('<Qiii', 0, 40, 0, 0) + bytes(44), ctypes.byref(t)) == 0
began = time.monotonic_ns(); libc.timer_settime(t, 0, struct.pack('<4q', 0, 1, 0, 1), None)
times = 0
for _ in range(5): signal.sigwaitinfo([40]); times += 1 + libc.timer_getoverrun(t)
print(abs(times - (time.monotonic_ns() - began)) < 200_000)
time.sleep(50); signal.sigwaitinfo([40]); print(libc.timer_getoverrun(t)); libc.timer_delete(t)
signal.signal(signal.SIGALRM, lambda *_: None)
began = time.monotonic(); signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6); time.sleep(0.01); signal.setitimer(signal.ITIMER_REAL, 0)
def ticks():
  fd = libc.timerfd_create(1, 0); libc.timerfd_settime(fd, 0, struct.pack('<4q', 0, 1, 0, 1), None)
  return sum(struct.unpack('<Q', os.read(fd, 8))[0] for _ in range(5))
print(5 * 50_000 <= ticks())
began = time.monotonic()
for _ in range(20): time.sleep(1e-9)
print(0.001 <= time.monotonic() - began < 0.0012)`;
    expect(await hijacked(python(script), ['--clock', 'virtual'])).toMatchObject({
      stdout: 'True\n2147483647\nTrue\nTrue\n',
      stderr: '',
    });
  });

  it("gives programs its virtual time: clocks, sleeps, waits of threads, alarms, the machine's files", async () => {
    const script = `
import os, select, signal, subprocess, threading, time
began = [time.time(), time.monotonic()]
def told(what):
  print(what, round(time.time() - began[0], 3), round(time.monotonic() - began[1], 3))
time.sleep(1000); told('sleep')
e = threading.Event(); e.wait(500); told('nobody')
threading.Timer(30, e.set).start(); e.wait(500); told('thread')
signal.signal(signal.SIGALRM, lambda *_: None)
signal.alarm(70); print(signal.getitimer(signal.ITIMER_REAL)[0]); signal.pause(); told('alarm')
signal.setitimer(signal.ITIMER_REAL, 5, 20); signal.pause(); signal.pause(); signal.setitimer(signal.ITIMER_REAL, 0); told('alarms')
r, w = os.pipe(); print(select.select([r], [], [], 100)[0]); told('pipe')
subprocess.run(['sh', '-c', 'sleep 300 & sleep 100; wait; timeout 7 sleep 100; echo $?']); told('children')
many = [threading.Thread(target=time.sleep, args=(i,)) for i in range(51)]
for one in many: one.start()
for one in many: one.join()
told('threads')
busy = time.process_time() + 0.05
while time.process_time() < busy: pass
print(time.monotonic() - began[1] < 2083)`;
    expect(await hijacked(['python3', '-u', '-c', script], ['--clock', 'virtual'])).toMatchObject({
      stdout: [
        'sleep 1000.0 1000.0',
        'nobody 1500.0 1500.0',
        'thread 1530.0 1530.0',
        '70.0',
        'alarm 1600.0 1600.0',
        'alarms 1625.0 1625.0',
        '[]',
        'pipe 1725.0 1725.0',
        '124',
        'children 2032.0 2032.0',
        'threads 2082.0 2082.0',
        'True',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it('takes no pointer on trust', async () => {
    const script = `
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket(); u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0)); u.connect(u.getsockname()); u.send(b'x')
P = ctypes.c_void_p
def call(name, *args):
  ctypes.set_errno(0)
  ret = getattr(libc, name)(*args)
  return errno.errorcode.get(ctypes.get_errno()) if ret < 0 else ret
for bad in (1, 0xdead0000, 2**47, 2**64 - 8, 2**63):
  print(call('recv', u.fileno(), P(bad), 10, 0x42), call('send', u.fileno(), P(bad), 10, 0), call('bind', s.fileno(), P(bad), 16),
        call('getsockname', s.fileno(), P(bad), P(bad)), call('sendmsg', u.fileno(), P(bad), 0), call('recvmsg', u.fileno(), P(bad), 0),
        call('setsockopt', s.fileno(), 1, 2, P(bad), 4), call('ioctl', s.fileno(), 0x8913, P(bad)), call('writev', u.fileno(), P(bad), 2))
print(call('recv', u.fileno(), ctypes.create_string_buffer(10), 10, 0))`;
    const line = `${Array(9).fill('EFAULT').join(' ')}\n`;
    expect(await hijacked(python(script))).toMatchObject({ stdout: `${line.repeat(5)}1\n`, stderr: '' });
  });

  it('makes network namespaces, and devices between them', async () => {
    // As `ip netns exec`, which mounts /sys of the machine anew and needs privileges for that.
    const inside =
      'import ctypes, os, sys; print(ctypes.CDLL(None).setns(os.open("/run/netns/one", 0), 0), flush=True); os.execvp("ip", sys.argv)';
    // As many as the kernel's memory at its start would allow are 19.
    const many =
      'import ctypes, os; print(len([os.open("/proc/self/ns/net", 0) for _ in range(30) if ctypes.CDLL(None).unshare(1 << 30) == 0]))';
    // A grandchild, whose parent has not called.
    const nested =
      'import ctypes, os, socket; ctypes.CDLL(None).setns(os.open("/run/netns/one", 0), 0); os.fork() or os.fork() or os._exit(socket.if_nametoindex("v1") * 0); os._exit(os.waitstatus_to_exitcode(os.wait()[1]))';
    const script = `set -e
ip netns add one; ip netns list
ip link add v0 type veth peer name v1 netns one
ip addr add 10.9.0.1/24 dev v0; ip link set v0 up
printf '%s\\n' 'addr add 10.9.0.2/24 dev v1' 'link set v1 up' | python3 -c '${inside}' -batch -
python3 -c '${inside}' -br addr show v1 | tr -s ' '
python3 -c '${nested}'
ip netns del one; ip netns list
python3 -c '${many}'`;
    const { stdout, stderr } = await hijacked(['sh', '-c', script]);
    expect({ stdout: stdout.replace(/ fe80\S+/, ''), stderr }).toEqual({
      stdout: 'one\n0\n0\nv1@if2 UP 10.9.0.2/24 \n30\n',
      stderr: '',
    });
  });

  it('makes devices of tun(4), whose commands take numbers, structs and programs', async () => {
    const script = `set -e
ip tuntap add t0 mode tap user 7 group 8; ip tuntap; ip link set t0 up; ip tuntap del t0 mode tap; ip -br link show up | cut -d ' ' -f 1
python3 -c '
import ctypes, fcntl, os, struct
f = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(f, 0x400454ca, struct.pack("16sH22x", b"t1", 0x1002))
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xffff))
fcntl.ioctl(f, 0x401054d5, struct.pack("HxxxxxxQ", 1, ctypes.addressof(code)))
fcntl.ioctl(f, 0x400454d0, 1); fcntl.ioctl(f, 0x400454d1, struct.pack("HH6s", 1, 1, b"abcdef"))
n = fcntl.ioctl(f, 0x54e3); print(os.readlink("/proc/self/fd/%d" % n)[:5])
'`;
    const { stdout, stderr } = await hijacked(['sh', '-c', script]);
    expect({ stdout, stderr }).toEqual({ stdout: 't0: tap persist user 7 group 8\nlo\nnet:[\n', stderr: '' });
  });

  it('does not end of what orphans tell their parent', async () => {
    const script = `
import os, signal, time
r, w = os.pipe()
if os.fork() == 0:
  if os.fork() == 0:
    os.read(r, 1)
    for s in (signal.SIGALRM, signal.SIGIO, signal.SIGVTALRM): os.kill(os.getppid(), s)
    os.write(1, b'told\\n'); os._exit(0)
  os._exit(0)
os.wait(); os.write(w, b'x'); time.sleep(0.3); os.write(1, b'here\\n')`;
    expect(await hijacked(python(script))).toMatchObject({ stdout: 'told\nhere\n', exitCode: 0 });
  });

  it('ends as the program does', async () => {
    expect(await hijacked(['sh', '-c', 'exit 7'])).toMatchObject({ exitCode: 7 });
    expect(await hijacked(['sh', '-c', 'kill -TERM $$'])).toMatchObject({ exitCode: 143 });
    expect(await hijacked(['no-such-program'])).toMatchObject({
      exitCode: 4,
      stderr: 'lkl: no-such-program: there is no such program\n',
    });
  });

  it('goes on for what the program has left, and leaves nothing itself', async () => {
    const script = `
import os, socket, time
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
parent = os.getpid()
if os.fork() == 0:
  while os.getppid() == parent: time.sleep(0.05)
  time.sleep(0.5)
  c, _ = s.accept(); os.write(1, c.recv(5) + b'\\n'); os._exit(0)
c = socket.create_connection(s.getsockname()); c.send(b'later')`;
    const ran = await hijacked(python(script));
    expect(ran).toMatchObject({ stdout: 'later\n', exitCode: 0 });
    expect(ran.stderr).toMatch(/^lkl: python3 has ended; what it started goes on\n$/);
  });

  it('shows calls and frames', async () => {
    const script = `
import socket
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 5353)); a.sendto(b'hello', a.getsockname()); a.recv(9)`;
    await hijacked(python(script), [`--strace=${at('trace')}`, '--pcap', at('frames')]);
    expect(readFileSync(at('trace'), 'utf8')).toMatch(
      /socket\(2, 524290, 0\) = 3\n.*bind\(3, 127\.0\.0\.1:5353, 16\) = 0\n(.*\n)*.*sendto\(3, "hello", 5, 0x0, 127\.0\.0\.1:5353, 16\) = 5\n/,
    );
    expect(readFileSync(at('frames')).includes('hello')).toBe(true);
  });
});
