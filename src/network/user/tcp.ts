/** Connections of a user network's client to the world outside: one is accepted only when the other is there. */

import { errnos } from '../../abi/errno.ts';
import { AF } from '../../abi/netlink/constants.ts';
import { formatIp } from '../../abi/netlink/inet.ts';
import { IP_TRANSPARENT, IPV6_TRANSPARENT, SO, SOCK, SOL } from '../../abi/uapi/socket.ts';
import type { Host } from '../../kernel/host.ts';
import { must } from '../../kernel/kernel-error.ts';
import { acceptFrom, bind, listen, setsockopt, socket } from '../../kernel/syscalls/net.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { type ByteStream, join } from '../sockets/byte-stream.ts';
import { KernelStream, SOCK_NONBLOCK } from '../sockets/kernel-stream.ts';
import { EPOLL, type Reactor } from '../sockets/reactor.ts';
import { OutsideError } from './outside.ts';

export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
}
export const nameOf = ({ address, port }: Endpoint): string => `${formatIp(address)} ${port}`;

/** What came of a SYN: let it through to the router, drop it, or refuse it. */
export type Verdict = 'pass' | 'drop' | 'refuse' | 'unreachable';

/** A connection that the router does not take in so long never comes. */
const ACCEPT_MS = 20_000;
/** A listener that nobody needs is kept a little: a browser opens several connections to one server. */
const LINGER_MS = 10_000;
const MOST_LISTENERS = 256;
const EAGAIN = -errnos.EAGAIN.number;

interface Listener {
  readonly fd: number;
  waiting: number;
  cancel: () => void;
}

/** Let a socket have addresses that are not this host's. */
export const transparent = (task: UserTask, fd: number, family: number): Promise<number> =>
  family === AF.INET
    ? setsockopt(task, fd, SOL.IP, IP_TRANSPARENT, 1)
    : setsockopt(task, fd, SOL.IPV6, IPV6_TRANSPARENT, 1);

export class TcpGateway {
  readonly #reactor: Reactor;
  readonly #host: Pick<Host, 'timer'>;
  readonly #connect: (to: Endpoint) => Promise<ByteStream>;
  readonly #listeners = new Map<string, Promise<Listener>>();
  /** By client and destination: being connected outside, or connected and not yet accepted. */
  readonly #connecting = new Set<string>();
  readonly #connected = new Map<string, { readonly stream: ByteStream; readonly cancel: () => void }>();
  readonly #open = new Set<ByteStream>();
  #ended = false;

  constructor(reactor: Reactor, host: Pick<Host, 'timer'>, connect: (to: Endpoint) => Promise<ByteStream>) {
    this.#reactor = reactor;
    this.#host = host;
    this.#connect = connect;
  }

  async syn(from: Endpoint, to: Endpoint): Promise<Verdict> {
    const key = `${nameOf(from)} ${nameOf(to)}`;
    // It was sent again: the answer is on its way.
    if (this.#connecting.has(key)) return 'drop';
    if (this.#connected.has(key)) return 'pass';
    this.#connecting.add(key);
    try {
      const stream = await this.#connect(to);
      if (this.#ended) {
        await stream.abort();
        return 'drop';
      }
      await this.#expect(key, to, stream);
      return 'pass';
    } catch (cause) {
      if (!(cause instanceof OutsideError)) return 'refuse';
      if (cause.reason === 'timeout') return 'drop';
      return cause.reason === 'unreachable' ? 'unreachable' : 'refuse';
    } finally {
      this.#connecting.delete(key);
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    for (const { stream, cancel } of this.#connected.values()) {
      cancel();
      await stream.abort();
    }
    for (const stream of this.#open) await stream.abort();
    for (const listener of this.#listeners.values())
      listener.then(
        ({ cancel }) => cancel(),
        () => {},
      );
  }

  async #expect(key: string, to: Endpoint, stream: ByteStream): Promise<void> {
    let listener: Listener;
    try {
      listener = await this.#listenAt(to);
    } catch (cause) {
      await stream.abort();
      throw cause;
    }
    listener.waiting++;
    listener.cancel();
    const cancel = this.#host.timer(ACCEPT_MS, () => {
      this.#connected.delete(key);
      this.#done(to, listener);
      stream.abort().catch(() => {});
    });
    this.#connected.set(key, { stream, cancel });
  }

  #listenAt(to: Endpoint): Promise<Listener> {
    const name = nameOf(to);
    const known = this.#listeners.get(name);
    if (known) return known;
    if (this.#listeners.size >= MOST_LISTENERS)
      return Promise.reject(new Error(`${MOST_LISTENERS} destinations are connected to at once`));
    const made = this.#listen(to).catch((cause: unknown) => {
      this.#listeners.delete(name);
      throw cause;
    });
    this.#listeners.set(name, made);
    return made;
  }

  async #listen(to: Endpoint): Promise<Listener> {
    const family = to.address.length === 4 ? AF.INET : AF.INET6;
    const fd = await this.#reactor.run(async (task) => {
      const made = must('socket', await socket(task, family, SOCK.STREAM | SOCK.CLOEXEC | SOCK_NONBLOCK));
      must('setsockopt', await transparent(task, made, family));
      must('setsockopt', await setsockopt(task, made, SOL.SOCKET, SO.REUSEADDR, 1));
      must('bind', await bind(task, made, to), nameOf(to));
      must('listen', await listen(task, made, 128));
      return made;
    });
    const listener: Listener = { fd, waiting: 0, cancel: () => {} };
    this.#accept(listener, to).catch(() => {}); // the kernel is no more
    return listener;
  }

  async #accept(listener: Listener, to: Endpoint): Promise<void> {
    while (!this.#reactor.closed && this.#listeners.has(nameOf(to))) {
      const [fd, peer] = await this.#reactor.run((task) => acceptFrom(task, listener.fd, SOCK.CLOEXEC | SOCK_NONBLOCK));
      if (fd === EAGAIN) {
        await this.#reactor.ready(listener.fd, EPOLL.IN);
        continue;
      }
      if (fd < 0 || !peer) continue;
      const inner = new KernelStream(this.#reactor, fd);
      const key = `${nameOf(peer)} ${nameOf(to)}`;
      const outer = this.#connected.get(key);
      this.#connected.delete(key);
      if (!outer) {
        await inner.abort();
        continue;
      }
      outer.cancel();
      this.#done(to, listener);
      this.#open.add(outer.stream);
      join(inner, outer.stream)
        .finally(() => this.#open.delete(outer.stream))
        .catch(() => {});
    }
  }

  #done(to: Endpoint, listener: Listener): void {
    if (--listener.waiting > 0 || this.#ended) return;
    listener.cancel = this.#host.timer(LINGER_MS, () => {
      if (listener.waiting > 0) return;
      this.#listeners.delete(nameOf(to));
      this.#reactor.close(listener.fd).catch(() => {});
    });
  }
}
