/** TCP connections of a kernel as byte streams: to a server in it, and from clients in it. */

import { errnos } from '../../abi/errno.ts';
import { AF } from '../../abi/netlink/constants.ts';
import { MSG, SHUT, SO, SOCK, SOL, TCP } from '../../abi/uapi/socket.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import {
  connect,
  getsockopt,
  type InternetAddress,
  send,
  setsockopt,
  shutdown,
  socket,
} from '../../kernel/syscalls/net.ts';
import type { ByteStream } from './byte-stream.ts';
import { BUFFER_BYTES, EPOLL, type Reactor } from './reactor.ts';

export const SOCK_NONBLOCK = 0o4000;
const EAGAIN = -errnos.EAGAIN.number;
const EINPROGRESS = -errnos.EINPROGRESS.number;

/** Connects; rejects with a KernelError as connect(2) fails, or with what `late` does, if that is before. */
export async function connectIn(reactor: Reactor, to: InternetAddress, late?: Promise<never>): Promise<KernelStream> {
  const family = to.address.length === 4 ? AF.INET : AF.INET6;
  const fd = await reactor.run(async (task) =>
    must('socket', await socket(task, family, SOCK.STREAM | SOCK.CLOEXEC | SOCK_NONBLOCK)),
  );
  try {
    const ret = await reactor.run((task) => connect(task, fd, to));
    if (ret === EINPROGRESS) {
      const ready = reactor.ready(fd, EPOLL.OUT);
      await (late ? Promise.race([ready, late]) : ready);
      const failed = await errorOf(reactor, fd);
      if (failed !== 0) throw new KernelError('connect', failed);
    } else must('connect', ret);
    // What is written goes at once: small messages wait for no acknowledgement (TCP_NODELAY, tcp(7)).
    await reactor.run((task) => setsockopt(task, fd, SOL.TCP, TCP.NODELAY, 1));
    return new KernelStream(reactor, fd);
  } catch (cause) {
    await reactor.close(fd).catch(() => {});
    throw cause;
  }
}

/** What went wrong with a socket, as a positive errno, or 0. */
const errorOf = (reactor: Reactor, fd: number): Promise<number> =>
  reactor.run(async (task) =>
    new DataView((await getsockopt(task, fd, SOL.SOCKET, SO.ERROR, 4)).buffer).getInt32(0, true),
  );

/** A connected socket, which does not wait (O_NONBLOCK). */
export class KernelStream implements ByteStream {
  readonly #reactor: Reactor;
  readonly #fd: number;
  #closed = false;
  #heardAll = false;
  #saidAll = false;

  constructor(reactor: Reactor, fd: number) {
    this.#reactor = reactor;
    this.#fd = fd;
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const bytes = await this.#reactor.run(async (task) => {
        const { at } = this.#reactor.buffer;
        const length = await task.syscall('recvfrom', this.#fd, at, BUFFER_BYTES, MSG.DONTWAIT, 0, 0);
        if (length === EAGAIN) return undefined;
        const heard = task.memory.copy(at, must('recvfrom', length));
        // The other side may wait with its next small message until it hears of this one, and while virtual time stands
        // still it would for ever. TCP_QUICKACK holds for what has come.
        if (length > 0) await setsockopt(task, this.#fd, SOL.TCP, TCP.QUICKACK, 1);
        return heard;
      });
      if (bytes && bytes.length > 0) return bytes;
      if (bytes) {
        this.#heardAll = true;
        return undefined;
      }
      await this.#reactor.ready(this.#fd, EPOLL.IN);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#closed) throw new Error('the connection is closed');
      const sent = await this.#reactor.run((task) => {
        const piece = bytes.subarray(at, at + BUFFER_BYTES);
        task.memory.write(this.#reactor.buffer.at, piece);
        return send(task, this.#fd, this.#reactor.buffer, piece.length, MSG.DONTWAIT | MSG.NOSIGNAL);
      });
      if (sent === EAGAIN) await this.#reactor.ready(this.#fd, EPOLL.OUT);
      else at += must('sendto', sent);
    }
  }

  async end(): Promise<void> {
    if (this.#closed) return;
    this.#saidAll = true;
    const ret = await this.#reactor.run((task) => shutdown(task, this.#fd, SHUT.WR));
    // It may be broken by now, which the one who reads learns.
    if (ret !== -errnos.ENOTCONN.number) must('shutdown', ret);
  }

  /** A connection of which both ends have said all is closed, any other is reset: the other side sees that something went wrong. */
  async abort(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const linger = new Uint8Array(Int32Array.of(1, 0).buffer); // struct linger: on, for no time
    const isOver = this.#heardAll && this.#saidAll;
    if (!isOver)
      await this.#reactor.run((task) => setsockopt(task, this.#fd, SOL.SOCKET, SO.LINGER, linger)).catch(() => {});
    await this.#reactor.close(this.#fd).catch(() => {});
  }
}
