/** The world outside of a user network, by sockets of Node: as any program of this machine reaches it. */

import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { ByteStream } from '../../network/sockets/byte-stream.ts';
import { type Outside, OutsideError } from '../../network/user/outside.ts';

/** As long as most systems wait. */
const CONNECT_MS = 30_000;

const reasons: Readonly<Record<string, OutsideError['reason']>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
};

export function nodeOutside(): Outside {
  // With a port, or a zone: of no use where there are only addresses.
  const nameserver = getServers().find((one) => /^[\d.]+$|^[\da-f:]+$/i.test(one));
  return {
    ...(nameserver !== undefined && { nameserver }),
    tcp(address, port) {
      const { promise, resolve, reject } = Promise.withResolvers<ByteStream>();
      const socket = connect({ host: address, port, allowHalfOpen: true });
      socket.setTimeout(CONNECT_MS, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(new OutsideError(reasons[error.code ?? ''] ?? 'unreachable', error.message, { cause: error })),
      );
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.setNoDelay();
        resolve(socketStream(socket));
      });
      return promise;
    },
    udp(family, received) {
      const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
      socket.on('message', (bytes, { address, port }) => received(bytes, address, port));
      socket.on('error', () => {}); // what cannot be sent is lost
      socket.unref();
      let open = true;
      return {
        send(bytes, address, port) {
          if (open && isIPv6(address) === (family === 6)) socket.send(bytes, port, address, () => {});
        },
        close() {
          if (!open) return;
          open = false;
          socket.close();
        },
      };
    },
  };
}

/** A socket of Node as a byte stream. */
function socketStream(socket: Socket): ByteStream {
  const chunks = socket[Symbol.asyncIterator]();
  socket.on('error', () => {}); // whoever reads or writes is told
  return {
    async read() {
      const { value, done } = await chunks.next();
      return done ? undefined : value;
    },
    write: (bytes) =>
      new Promise((resolve, reject) => void socket.write(bytes, (error) => (error ? reject(error) : resolve()))),
    end: () => new Promise((resolve) => void socket.end(() => resolve())),
    async abort() {
      const isOver = socket.readableEnded && socket.writableFinished;
      if (isOver || socket.destroyed) socket.destroy();
      else socket.resetAndDestroy();
    },
  };
}

/** A listener of this machine whose connections go to `each`. Rejects as listen(2) fails. */
export function listenOutside(address: string, port: number, each: (stream: ByteStream) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => each(socketStream(socket)));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve(server));
  });
}
