import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type Front, openFront } from './front.ts';

let closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});

/** A server behind a door, and a client of it. */
async function world(serve: (socket: Socket) => void) {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const { port } = server.address() as { port: number };
  return door(() => ({ host: '127.0.0.1', port }));
}

async function door(to: Parameters<typeof openFront>[0]['to']) {
  const front: Front = await openFront({ host: '127.0.0.1', port: 0, to });
  closing.push(() => front.close());
  const client = connect({ host: '127.0.0.1', port: front.port, allowHalfOpen: true });
  client.on('error', () => {});
  closing.push(() => client.destroy());
  return client;
}

const text = async (socket: Socket) => {
  let all = '';
  for await (const chunk of socket) all += chunk;
  return all;
};
const closed = (socket: Socket) =>
  new Promise<Error | null>((resolve) => socket.once('close', () => resolve(socket.errored)));

it('what is said goes both ways as it is, and ends where it ends', async () => {
  const client = await world((socket) => {
    socket.on('data', (chunk) => socket.end(`heard ${chunk}`));
  });
  client.write('hello');
  expect(await text(client)).toBe('heard hello');
});

it('a client that hung up while nothing is sent to it is one that is gone, for the server too', async () => {
  const gone = Promise.withResolvers<Error | null>();
  const client = await world((socket) => void closed(socket).then(gone.resolve));
  client.write('work for minutes');
  client.end();
  expect(await gone.promise).toMatchObject({ code: 'ECONNRESET' });
});

it('one that has said all it had to say, and takes what it is answered, is not', async () => {
  const pieces = 12;
  const client = await world((socket) => {
    let sent = 0;
    const timer = setInterval(() => {
      sent++;
      socket.write('piece ');
      if (sent < pieces) return;
      clearInterval(timer);
      socket.end();
    }, 250);
  });
  client.end('a question');
  expect(await text(client)).toBe('piece '.repeat(pieces));
});

it('a client that is cut off is cut off at once for the server, and the other way round', async () => {
  const gone = Promise.withResolvers<Error | null>();
  const first = await world((socket) => {
    socket.on('data', () => first.resetAndDestroy());
    void closed(socket).then(gone.resolve);
  });
  first.write('x');
  expect(await gone.promise).toMatchObject({ code: 'ECONNRESET' });
  const second = await world((socket) => {
    socket.on('data', () => socket.resetAndDestroy());
  });
  second.write('x');
  expect(await closed(second)).toMatchObject({ code: 'ECONNRESET' });
});

it('who comes while there is no server is told when to come again', async () => {
  expect(await text(await door(() => undefined))).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 2\r\n/);
  // A port that was free a moment ago: nobody listens there.
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  expect(await text(await door(() => ({ host: '127.0.0.1', port })))).toMatch(/^HTTP\/1\.1 503 /);
});
