/** splice(2) between files of both kernels, as it is on the machine. */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { obstacle } from '../../../src/node/hijack/host/launch.ts';
import { lkl } from '../command.ts';

const why = spawnSync('python3', ['-V']).error ? 'no python3 on this machine' : obstacle();

const script = `
import ctypes, errno, os, socket, threading, time
libc = ctypes.CDLL(None, use_errno=True); libc.splice.restype = ctypes.c_ssize_t
libc.splice.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
def splice(a, b, n, f=0):
  r = libc.splice(a, None, b, None, n, f)
  return r if r >= 0 else errno.errorcode[ctypes.get_errno()]
def later(work): threading.Timer(.2, work).start()
def wait(): time.sleep(.1)
l = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(l.getsockname()); d, _ = l.accept()
r, w = os.pipe()
c.sendall(b'x' * 10000); wait(); n = 0
while n < 10000: n += splice(d.fileno(), w, 10000 - n)
print(n, len(os.read(r, 20000)))
d.setblocking(False); print(splice(d.fileno(), w, 10)); d.setblocking(True)
os.write(w, b'back'); print(splice(r, d.fileno(), 100), c.recv(10), splice(r, d.fileno(), 100, 2))
later(lambda: os.write(w, b'late')); print(splice(r, d.fileno(), 100), c.recv(10))
later(lambda: c.send(b'soon')); print(splice(d.fileno(), w, 100), os.read(r, 10))
os.set_blocking(w, False)
try:
  while True: os.write(w, b'f' * 4096)
except BlockingIOError: pass
c.send(b'more'); wait(); print(splice(d.fileno(), w, 100, 2), splice(d.fileno(), w, 100))
os.set_blocking(w, True); later(lambda: os.read(r, 65536)); print(splice(d.fileno(), w, 100), os.read(r, 10))
c.shutdown(socket.SHUT_WR); print(splice(d.fileno(), w, 100))
f = os.memfd_create('file'); print(splice(d.fileno(), f, 10))
os.close(w); print(splice(r, d.fileno(), 100))
data = os.urandom(1000000)
def pump(source, to):
  r, w = os.pipe()
  while (n := splice(source.fileno(), w, 65536)):
    while n: n -= splice(r, to.fileno(), n)
  to.shutdown(1)
near, far = [socket.create_server(('127.0.0.1', 0)) for _ in 'ab']
a = socket.create_connection(near.getsockname()); b, _ = near.accept()
x = socket.create_connection(far.getsockname()); y, _ = far.accept()
threading.Thread(target=pump, args=(b, x)).start()
threading.Thread(target=lambda: (a.sendall(data), a.shutdown(1))).start()
print(b''.join(iter(lambda: y.recv(65536), b'')) == data)`;

describe.skipIf(why !== undefined)(`splice of hijacked programs${why ? ` (${why})` : ''}`, () => {
  it.each([
    ['pipes of the machine', []],
    ['pipes of the kernel', ['--all']],
  ])('sockets and %s', async (_, options) => {
    const here = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
    expect(here.stdout).toMatch(/^10000 10000\nEAGAIN\n4 b'back' EAGAIN\n(?:.*\n){7}True\n$/);
    const { stdout, stderr } = await lkl(['hijack', ...options, '--', 'python3', '-c', script]);
    expect({ stdout: stdout.toString(), stderr }).toEqual({ stdout: here.stdout, stderr: '' });
  });
});
