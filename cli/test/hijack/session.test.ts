/** `lkl hijack --session`: programs of this machine on the kernel of a session of a Worker. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { obstacle } from '../../../src/node/hijack/host/launch.ts';
import { type EmbeddedWorker, embeddedWorker } from '../../../test/embedded/embedded-worker.ts';
import { lkl } from '../command.ts';

const why = obstacle();

describe.skipIf(why !== undefined)(`lkl hijack --session${why ? ` (${why})` : ''}`, () => {
  let worker: EmbeddedWorker;
  beforeAll(async () => {
    worker = await embeddedWorker();
  }, 240_000);
  afterAll(() => worker.close());

  const create = async (options: unknown) => {
    const body = JSON.stringify(options);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(new URL('v1/sessions', worker.url), { method: 'POST', headers, body });
    return new URL(`v1/sessions/${((await answer.json()) as { id: string }).id}`, worker.url).href;
  };
  const on = async (url: string, ...program: readonly string[]) => {
    const { stdout, ...ran } = await lkl(['hijack', '--session', url, '--', ...program]);
    return { ...ran, stdout: stdout.toString() };
  };

  it('its network is there for one command after the other, and for batches', async () => {
    const url = await create({ memory: 48 });
    expect(await on(url, 'ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'v1')).toMatchObject({ exitCode: 0 });
    const script = `
import errno, os, select, signal, socket, threading
print(sorted(name for _, name in socket.if_nameindex()))
data = os.urandom(300000); l = socket.create_server(('127.0.0.1', 0))
def serve():
  c, _ = l.accept(); c.sendall(data); c.close()
threading.Thread(target=serve).start()
c = socket.create_connection(l.getsockname()); got = b''
while part := c.recv(65536): got += part
print(got == data, open('/proc/sys/net/ipv4/ip_forward').read().strip())
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0)); u.settimeout(0.2)
try: u.recv(1)
except TimeoutError: print('timeout')
u.sendto(b'x' * 60000, u.getsockname()); print(len(u.recv(65536)))
e = select.epoll(); e.register(u); r, w = os.pipe(); e.register(r, select.EPOLLIN); os.write(w, b'a'); print(len(e.poll(1)))
def ring(*_): raise SystemExit(7)
signal.signal(signal.SIGALRM, ring); signal.setitimer(signal.ITIMER_REAL, 0.3); l.accept()`;
    expect(await on(url, 'python3', '-c', script)).toEqual({
      stdout: "['lo', 'v0', 'v1']\nTrue 0\ntimeout\n60000\n2\n",
      stderr: '',
      exitCode: 7,
    });
  }, 60_000);

  it('says what is no session that it could be', async () => {
    const virtual = await create({ clock: 'virtual' });
    expect(await on(virtual, 'true')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('"clock": "wall"'),
    });
    const gone = virtual.replace(/[^/]*$/, '00000000-0000-4000-8000-000000000000');
    expect(await on(gone, 'true')).toMatchObject({ stderr: expect.stringContaining('there is no such session') });
    expect(await on('http://127.0.0.1/', 'true')).toMatchObject({ exitCode: 1 });
    const { exitCode, stderr } = await lkl(['hijack', '--session', virtual, '--pcap', 'x', 'true']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('--pcap') });
  }, 60_000);
});
