/** Datagrams of a user network's client: a socket outside for each of its ports, a socket inside for each address that it speaks with. */

import { errnos } from '../../abi/errno.ts';
import { AF } from '../../abi/netlink/constants.ts';
import { parseIp } from '../../abi/netlink/inet.ts';
import { MSG, SO, SOCK, SOL } from '../../abi/uapi/socket.ts';
import type { Host } from '../../kernel/host.ts';
import { must } from '../../kernel/kernel-error.ts';
import { bind, recvFrom, sendto, setsockopt, socket } from '../../kernel/syscalls/net.ts';
import { SOCK_NONBLOCK } from '../sockets/kernel-stream.ts';
import { EPOLL, type Reactor } from '../sockets/reactor.ts';
import type { DatagramSocket } from './outside.ts';
import { type Endpoint, nameOf, transparent } from './tcp.ts';

/** RFC 4787: at least two minutes; names are asked for and done with. */
const IDLE_MS = 120_000;
const MOST = 512;
const EAGAIN = -errnos.EAGAIN.number;

export interface UdpNeeds {
  readonly reactor: Reactor;
  readonly host: Pick<Host, 'timer'>;
  /** A socket outside, for one of the client's. */
  open(family: 4 | 6, received: (bytes: Uint8Array, address: string, port: number) => void): DatagramSocket;
  /** Sends a datagram that came to `to`, or answers it itself. `reply` sends from there. */
  send(outer: DatagramSocket, bytes: Uint8Array, to: Endpoint, reply: (bytes: Uint8Array) => void): void;
  /** As the client knows the sender. */
  seen(address: string): string;
}

interface Idle {
  touch(): void;
}

export class UdpGateway {
  readonly #needs: UdpNeeds;
  /** By the address that the client knows. */
  readonly #inner = new Map<string, Promise<{ readonly fd: number; readonly idle: Idle }>>();
  readonly #outer = new Map<string, { readonly socket: DatagramSocket; readonly idle: Idle }>();

  constructor(needs: UdpNeeds) {
    this.#needs = needs;
  }

  /** Before the first datagram to this address goes to the router: somebody must be there for it. */
  async expect(to: Endpoint): Promise<void> {
    await this.#innerAt(to);
  }

  end(): void {
    for (const { socket } of this.#outer.values()) socket.close();
    this.#outer.clear();
    this.#inner.clear();
  }

  #innerAt(to: Endpoint): Promise<{ readonly fd: number; readonly idle: Idle }> {
    const name = nameOf(to);
    const known = this.#inner.get(name);
    if (known) return known;
    if (this.#inner.size >= MOST) return Promise.reject(new Error(`${MOST} addresses are spoken with at once`));
    const made = this.#bound(to).catch((cause: unknown) => {
      this.#inner.delete(name);
      throw cause;
    });
    this.#inner.set(name, made);
    return made;
  }

  async #bound(to: Endpoint): Promise<{ readonly fd: number; readonly idle: Idle }> {
    const { reactor } = this.#needs;
    const family = to.address.length === 4 ? AF.INET : AF.INET6;
    const fd = await reactor.run(async (task) => {
      const made = must('socket', await socket(task, family, SOCK.DGRAM | SOCK.CLOEXEC | SOCK_NONBLOCK));
      must('setsockopt', await transparent(task, made, family));
      must('setsockopt', await setsockopt(task, made, SOL.SOCKET, SO.REUSEADDR, 1));
      must('bind', await bind(task, made, to), nameOf(to));
      return made;
    });
    const idle = this.#idle(() => {
      this.#inner.delete(nameOf(to));
      reactor.close(fd).catch(() => {});
    });
    this.#receive(fd, to, idle).catch(() => {}); // the kernel is no more
    return { fd, idle };
  }

  async #receive(fd: number, to: Endpoint, idle: Idle): Promise<void> {
    const { reactor } = this.#needs;
    while (!reactor.closed && this.#inner.has(nameOf(to))) {
      const [ret, from, bytes] = await reactor.run(async (task) => {
        const [length, peer] = await recvFrom(task, fd, reactor.buffer, MSG.DONTWAIT);
        return [length, peer, length > 0 ? task.memory.copy(reactor.buffer.at, length) : new Uint8Array(0)] as const;
      });
      if (ret === EAGAIN) await reactor.ready(fd, EPOLL.IN);
      if (ret < 0 || !from) continue;
      idle.touch();
      const { socket, idle: own } = this.#outerOf(from);
      own.touch();
      this.#needs.send(socket, bytes, to, (answer) => void this.#sendIn(to, from, answer).catch(() => {}));
    }
  }

  #outerOf(client: Endpoint): { readonly socket: DatagramSocket; readonly idle: Idle } {
    const name = nameOf(client);
    const known = this.#outer.get(name);
    if (known) return known;
    if (this.#outer.size >= MOST) {
      // The oldest goes: its answers are lost, as when a router forgets.
      const [first] = this.#outer;
      if (first) this.#drop(first[0]);
    }
    const socket = this.#needs.open(client.address.length === 4 ? 4 : 6, (bytes, address, port) => {
      const from = parseIp(this.#needs.seen(address));
      if (!from || from.length !== client.address.length) return;
      made.idle.touch();
      this.#sendIn({ address: from, port }, client, bytes).catch(() => {});
    });
    const made = { socket, idle: this.#idle(() => this.#drop(name)) };
    this.#outer.set(name, made);
    return made;
  }

  #drop(name: string): void {
    this.#outer.get(name)?.socket.close();
    this.#outer.delete(name);
  }

  /** From an address outside to the client. */
  async #sendIn(from: Endpoint, client: Endpoint, bytes: Uint8Array): Promise<void> {
    const { fd, idle } = await this.#innerAt(from);
    idle.touch();
    const { reactor } = this.#needs;
    if (bytes.length > reactor.buffer.bytes) return;
    await reactor.run((task) => {
      task.memory.write(reactor.buffer.at, bytes);
      return sendto(task, fd, reactor.buffer, bytes.length, MSG.DONTWAIT, client);
    });
  }

  /** Calls `end` when nobody has touched it for so long. */
  #idle(end: () => void): Idle {
    let touched = true;
    const look = () => {
      if (!touched) return end();
      touched = false;
      this.#needs.host.timer(IDLE_MS / 2, look);
    };
    this.#needs.host.timer(IDLE_MS / 2, look);
    return {
      touch: () => {
        touched = true;
      },
    };
  }
}
