/** `lkl hijack --publish`: servers in the kernel, reached from this machine. */

import { type ChildProcess, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { obstacle } from '../../../src/node/hijack/host/launch.ts';
import { lkl, spawnLkl } from '../command.ts';

const why = spawnSync('python3', ['-V']).error ? 'no python3 on this machine' : obstacle();

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
});

/** Starts a server; settles with the ports of this machine once it says `ready`. */
async function serving(published: readonly string[], script: string): Promise<readonly number[]> {
  const options = published.flatMap((word) => ['--publish', word]);
  const child = spawnLkl(['hijack', ...options, '--', 'python3', '-c', script]);
  running.push(child);
  // A stream that one stops to iterate is closed, and who writes to it ends.
  const said = await new Promise<string>((resolve) => {
    let text = '';
    child.stderr.on('data', (bytes) => {
      text += String(bytes);
      if (text.includes('ready')) resolve(text);
    });
    child.stderr.on('end', () => resolve(text));
  });
  return [...said.matchAll(/published at 127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
}

const ready = `import sys; sys.stderr.write('ready\\n'); sys.stderr.flush()`;

describe.skipIf(why !== undefined)(`lkl hijack --publish${why ? ` (${why})` : ''}`, () => {
  it('leads connections to whoever listens at the loopback, of either version', async () => {
    const script = `
import socket, threading
def serve(family, address, port):
  l = socket.socket(family); l.bind((address, port)); l.listen()
  def each(c):
    total = 0
    while True:
      data = c.recv(65536)
      if not data: break
      total += len(data)
    c.sendall(b'%s %d' % (address.encode(), total)); c.close()
  def accept():
    while True: threading.Thread(target=each, args=(l.accept()[0],)).start()
  threading.Thread(target=accept).start()
serve(socket.AF_INET, '127.0.0.1', 80); serve(socket.AF_INET6, '::1', 81)
${ready}`;
    const ports = await serving(['0:80', '0:81'], script);
    const ask = async (port: number, bytes: number): Promise<string> => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.end(new Uint8Array(bytes));
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      return answer;
    };
    const asked = ports.flatMap((port) => [0, 5, 3_000_000].map((bytes) => ask(port, bytes)));
    expect(await Promise.all(asked)).toEqual(
      ['127.0.0.1', '::1'].flatMap((address) => [0, 5, 3_000_000].map((bytes) => `${address} ${bytes}`)),
    );
  });

  it('resets who comes where nobody listens', async () => {
    const [port = 0] = await serving(['0:80'], `${ready}\nimport time; time.sleep(60)`);
    const socket = connect({ port, host: '127.0.0.1' });
    socket.resume();
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('leads datagrams, and answers find who asked', async () => {
    const script = `
import socket, threading
def serve(family, address, port):
  s = socket.socket(family, socket.SOCK_DGRAM); s.bind((address, port))
  while True:
    data, who = s.recvfrom(65536); s.sendto(data[::-1], who)
for one in ((socket.AF_INET, '127.0.0.1', 53), (socket.AF_INET6, '::1', 54)): threading.Thread(target=serve, args=one).start()
${ready}`;
    const ports = await serving(['0:53/udp', '0:54/udp'], script);
    const ask = async (port: number, text: string): Promise<string> => {
      const socket = createSocket('udp4');
      // A server that has said it is ready may bind a moment later.
      const again = setInterval(() => socket.send(text, port, '127.0.0.1'), 200);
      socket.send(text, port, '127.0.0.1');
      const [answer] = await once(socket, 'message');
      clearInterval(again);
      socket.close();
      return String(answer);
    };
    expect(
      await Promise.all(ports.flatMap((port) => ['one', 'two', 'x'.repeat(20_000)].map((t) => ask(port, t)))),
    ).toEqual(ports.flatMap(() => ['eno', 'owt', 'x'.repeat(20_000)]));
  });

  it('reaches the world, and where it is said so this machine', async () => {
    const server = createServer((socket) => socket.end('here\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = `import socket; print(socket.create_connection(('10.0.2.2', ${port})).recv(9))`;
    const { stdout, stderr } = await lkl(['hijack', '--net', 'user,loopback', 'python3', '-c', ask]);
    server.close();
    expect([stdout.toString(), stderr]).toEqual(["b'here\\n'\n", '']);
  });

  it('says what cannot be published, and starts nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const said = async (word: string) => {
      const { exitCode, stderr, stdout } = await lkl(['hijack', '--publish', word, '--', 'echo', 'started']);
      return [exitCode, stderr.trim(), stdout.toString()];
    };
    expect(await said(`${port}:80`)).toEqual([
      4,
      `lkl: --publish 127.0.0.1:${port}: address already in use (EADDRINUSE): another program has this port`,
      '',
    ]);
    server.close();
    expect(await said('192.0.2.1:8080:80')).toEqual([
      4,
      expect.stringContaining('EADDRNOTAVAIL): this machine has no such address'),
      '',
    ]);
    expect(await said('http:80')).toEqual([4, expect.stringContaining('--publish http:80: http is no address'), '']);
  });

  it('lets go of the ports when the program has ended', async () => {
    const [port = 0] = await serving(['0:80'], `${ready}\nimport time; time.sleep(60)`);
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    const [child] = running;
    child?.kill('SIGTERM');
    if (child?.exitCode === null) await once(child, 'exit');
    expect(child?.exitCode).toBe(143);
    const again = createServer().listen(port, '127.0.0.1');
    await once(again, 'listening');
    again.close();
  });
});
