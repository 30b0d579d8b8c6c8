/** Memory that programs of `lkl hijack` share with our kernel: files that they map, and rings of packets. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { obstacle } from '../../../src/node/hijack/host/launch.ts';
import { lkl } from '../command.ts';

const why = spawnSync('python3', ['-V']).error ? 'no python3 on this machine' : obstacle();
const folder = mkdtempSync(join(tmpdir(), 'lkl-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function python(script: string, options: readonly string[] = []) {
  const { stdout, stderr, exitCode } = await lkl(['hijack', ...options, '--', 'python3', '-c', script]);
  return { stdout: stdout.toString(), stderr, exitCode };
}

describe.skipIf(why !== undefined)(`memory of hijacked programs${why ? ` (${why})` : ''}`, () => {
  it('a file of the kernel is mapped as it is, and its descriptor stays what it was', async () => {
    const config = join(folder, 'conf.json');
    writeFileSync(config, JSON.stringify({ mount: 'tmpfs' }));
    const script = `
import mmap, os, threading
data = bytes(range(256)) * 700
with open('/tmpfs/file', 'wb') as f: f.write(data)
f = open('/tmpfs/file', 'r+b')
private = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE)
print(private[:] == data, f.read(3), os.readlink(f'/proc/self/fd/{f.fileno()}'), os.get_inheritable(f.fileno()))
private[0:4] = b'mine'
print(open('/tmpfs/file', 'rb').read(4))
part = mmap.mmap(f.fileno(), 5000, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=8192)
f.close()
print(part[:] == data[8192:13192])
g = open('/tmpfs/file', 'r+b')
try: mmap.mmap(g.fileno(), 0)
except OSError as e: print(e.strerror)
try: mmap.mmap(os.open('/sys/class/net/lo/mtu', os.O_RDONLY), 99, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
except OSError as e: print(e.strerror)
maps = []
def often():
  for _ in range(40):
    with open('/tmpfs/file', 'rb') as h:
      maps.append(mmap.mmap(h.fileno(), 0, prot=mmap.PROT_READ)[:] == data and h.read(2) == data[:2])
threads = [threading.Thread(target=often) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(len(maps), all(maps), len(os.listdir('/proc/self/fd')) < 12)`;
    expect(await python(script, ['-c', config])).toEqual({
      stdout: `True b'\\x00\\x01\\x02' /tmpfs/file False\nb'\\x00\\x01\\x02\\x03'\nTrue\nNo such device\nNo such device\n160 True True\n`,
      stderr: '',
      exitCode: 0,
    });
  });

  /** Sends datagrams of 100 to 104 bytes over the loopback, and reads them from a ring. */
  const ring = (version: number, make: string, read: string) => `
import mmap, select, socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
s.bind(('lo', 0x0800))
s.setsockopt(263, 10, ${version})
${make}
m = mmap.mmap(s.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
print(select.select([s], [], [], 0.05)[0])
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 7)); sent = 0
def send():
  global sent
  u.sendto(bytes([sent]) * (100 + sent % 5), ('127.0.0.1', 7)); sent += 1
seen = []
def packet(at, mac, snap, length, sec):
  data = m[at + mac:at + mac + snap]
  assert sec > 1e9 and length == snap and data[12:14] == bytes((8, 0)), (sec, length, snap)
  seen.append((data[42], snap - 42))
while len(set(seen)) < 40:
  if len(set(seen)) == sent:
    for _ in range(8): send()
  if not select.select([s], [], [], 10)[0]: break
${read}
print(sorted(set(seen)) == [(i, 100 + i % 5) for i in range(40)], select.select([s], [], [], 0.05)[0], s.fileno() > 2)`;

  it.each([
    [
      'the second version: frames',
      ring(
        1,
        'size = 65536; s.setsockopt(263, 5, struct.pack("4I", 4096, 16, 2048, 32)); at = 0',
        `  while struct.unpack_from('I', m, at)[0] & 1:
    status, length, snap, mac, net, sec = struct.unpack_from('IIIHHI', m, at)
    packet(at, mac, snap, length, sec)
    m[at:at + 4] = bytes(4); at = (at + 2048) % size`,
      ),
    ],
    [
      'the third version: blocks',
      ring(
        2,
        'size = 65536; s.setsockopt(263, 5, struct.pack("7I", 4096, 16, 2048, 32, 20, 0, 0)); at = 0',
        `  while struct.unpack_from('I', m, at + 8)[0] & 1:
    count, first = struct.unpack_from('II', m, at + 12)
    p = at + first
    for i in range(count):
      step, sec, ns, snap, length, status, mac = struct.unpack_from('IIIIIIH', m, p)
      packet(p, mac, snap, length, sec); p += step
    m[at + 8:at + 12] = bytes(4); at = (at + 4096) % size`,
      ),
    ],
  ])('a ring of packets, %s', async (_, script) => {
    expect(await python(script)).toEqual({ stdout: '[]\nTrue [] True\n', stderr: '', exitCode: 0 });
  });

  it('rings of packets that are sent, alone and behind one of those that come, which tells what it lost', async () => {
    const script = `
import mmap, select, socket, struct
def ring(version, both):
  s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); s.setsockopt(263, 10, version)
  request = struct.pack('7I', 4096, 2, 2048, 4, 0, 0, 0)[:16 if version == 1 else 28]
  s.setsockopt(263, 13, request)
  if both: s.setsockopt(263, 5, request)
  s.bind(('lo', 0x88b5))
  return s, mmap.mmap(s.fileno(), 16384 if both else 8192, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
rx = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5)); rx.bind(('lo', 0x88b5)); rx.settimeout(9)
for version, both, header, status, length in ((1, False, 32, 0, 4), (2, False, 48, 20, 16), (1, True, 32, 0, 4)):
  s, m = ring(version, both)
  from_ = 8192 if both else 0
  def put(i, bytes_, n):
    at = from_ + i % 4 * 2048
    m[at + header:at + header + len(bytes_)] = bytes_
    m[at + length:at + length + 4] = struct.pack('I', n); m[at + status:at + status + 4] = struct.pack('I', 1)
  for turn in range(2):
    for i in range(3): put(3 * turn + i, bytes(12) + b'\\x88\\xb5' + bytes([turn * 4 + i]) * 50, 64 + i)
    print(s.send(b''), [(p[14], len(p)) for p in (rx.recv(200) for _ in range(3))], end=' ')
  if both:
    select.select([s], [], [], 9)
    while sum(stats := struct.unpack('2I', s.getsockopt(263, 6, 8))) == 0: pass
    print(stats[0] >= stats[1])
    continue
  put(6, b'', 9999)
  try: s.send(b'')
  except OSError as e: print(e.strerror, struct.unpack_from('I', m, 6 % 4 * 2048 + status)[0])`;
    const sent = '195 [(0, 64), (1, 65), (2, 66)] 195 [(4, 64), (5, 65), (6, 66)] ';
    expect(await python(script)).toEqual({
      stdout: `${sent}Message too long 4\n${sent}Message too long 4\n${sent}True\n`,
      stderr: '',
      exitCode: 0,
    });
  });

  it('rings that cannot be are refused', async () => {
    const script = `
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
for version, option, request in ((0, 5, (4096, 1, 2048, 2)), (1, 5, (4096, 1, 2048, 3)), (1, 5, (100, 1, 100, 1)), (1, 5, (4096, 1, 0, 1)), (1, 13, (4096, 1, 2048, 3)), (1, 5, (1 << 30, 1, 2048, 1 << 19)), (1, 5, (4096, 1, 48, 85)), (2, 5, (4096, 1, 2048, 2, 20, 4000, 0)), (2, 5, (4096, 1, 2048, 2, 20, 1 << 31, 0))):
  try:
    if version: s.setsockopt(263, 10, version)
    s.setsockopt(263, option, struct.pack(f'{len(request)}I', *request)); print('made')
  except OSError as e: print(e.strerror)`;
    const wrong = 'Invalid argument\n';
    expect((await python(script)).stdout).toBe(`${wrong.repeat(5)}Cannot allocate memory\n${wrong.repeat(3)}`);
  });

  it('frames that have no room for a packet tell how long it was, and no others are written to', async () => {
    const script = `
import mmap, select, socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)); s.bind(('lo', 0x0800))
s.setsockopt(263, 10, 1); s.setsockopt(263, 5, struct.pack('4I', 4096, 1, 64, 64))
m = mmap.mmap(s.fileno(), 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
m[64:128] = b'\\xff' * 64
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.sendto(b'x' * 500, ('127.0.0.1', 7))
select.select([s], [], [], 10)
print(struct.unpack_from('III', m, 0)[1:], m[64:128] == b'\\xff' * 64)`;
    expect(await python(script)).toEqual({ stdout: '(542, 0) True\n', stderr: '', exitCode: 0 });
  });

  it('interfaces have the numbers of the kernel, also for who asks by a socket of the machine', async () => {
    const script = `
import socket, subprocess
subprocess.run('ip link add a0 type veth peer b0', shell=True, check=True)
names = socket.if_nameindex()
print([name for _, name in names], all(socket.if_indextoname(i) == n and socket.if_nametoindex(n) == i for i, n in names))
import fcntl, struct
u = socket.socket(socket.AF_UNIX)
print(struct.unpack_from('i', fcntl.ioctl(u, 0x8933, struct.pack('16si20x', b'a0', 0)), 16)[0] == dict((n, i) for i, n in names)['a0'])`;
    expect((await python(script)).stdout).toMatch(/^\['lo', '[ab]0', '[ab]0'\] True\nTrue\n$/);
  });
});
