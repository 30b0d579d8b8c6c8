/** A UDP port of this machine that leads into our kernel: each who sends has a socket of his own there, so that answers find him. */

import { createSocket, type Socket } from 'node:dgram';
import { type AddressInfo, isIPv6 } from 'node:net';
import { errnos } from '../../../abi/errno.ts';
import { AF } from '../../../abi/netlink/constants.ts';
import { MSG, SOCK } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { connect, type InternetAddress, recv, send, socket } from '../../../kernel/syscalls/net.ts';
import { SOCK_NONBLOCK } from '../../../network/sockets/kernel-stream.ts';
import { EPOLL, type Reactor } from '../../../network/sockets/reactor.ts';
import { nowMs } from '../host/clock.ts';

const EAGAIN = -errnos.EAGAIN.number;
const ECONNREFUSED = -errnos.ECONNREFUSED.number;
/** One who has sent and received nothing for so long is forgotten, as by a router (RFC 4787). */
const IDLE_MS = 120_000;
/** The one who was silent longest goes when there are more. */
const MOST = 512;

/** A socket of our kernel. */
interface Inner {
  readonly fd: number;
  closed: boolean;
}

interface Sender {
  readonly answer: (bytes: Uint8Array) => void;
  /** What its datagrams go through, and to which of the addresses. */
  inner: Promise<Inner> | undefined;
  which: number;
  /** Sent again to the next address, where nobody was at the first. */
  last: Uint8Array;
  isAnswered: boolean;
  touchedMs: number;
}

export class Datagrams {
  readonly #reactor: Reactor;
  readonly #to: readonly InternetAddress[];
  /** By address and port; who was heard last is last. */
  readonly #senders = new Map<string, Sender>();
  #outer: Socket | undefined;
  #look: NodeJS.Timeout | undefined;

  constructor(reactor: Reactor, to: readonly InternetAddress[]) {
    this.#reactor = reactor;
    this.#to = to;
  }

  /** Settles when it listens; rejects as bind(2) fails. */
  listen(address: string, port: number): Promise<AddressInfo> {
    const outer = isIPv6(address) ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4');
    return new Promise((resolve, reject) => {
      outer.once('error', reject);
      outer.bind(port, address, () => {
        outer.off('error', reject);
        outer.on('error', () => {}); // what cannot be sent is lost
        outer.on('message', (bytes, from) => this.#came(outer, bytes, from.address, from.port));
        this.#outer = outer;
        this.#look = setInterval(() => this.#forgetIdle(), IDLE_MS / 4);
        resolve(outer.address());
      });
    });
  }

  close(): void {
    clearInterval(this.#look);
    this.#outer?.close();
    this.#outer = undefined;
    for (const name of [...this.#senders.keys()]) this.#forget(name);
  }

  #came(outer: Socket, bytes: Uint8Array, address: string, port: number): void {
    const name = `${address} ${port}`;
    const sender = this.#senders.get(name) ?? {
      answer: (answer: Uint8Array) => {
        if (this.#outer === outer) outer.send(answer, port, address, () => {});
      },
      inner: undefined,
      which: 0,
      last: bytes,
      isAnswered: false,
      touchedMs: 0,
    };
    this.#senders.delete(name);
    this.#senders.set(name, sender);
    const [oldest] = this.#senders.keys();
    if (this.#senders.size > MOST && oldest !== undefined) this.#forget(oldest);
    sender.touchedMs = nowMs();
    sender.last = bytes;
    this.#sendIn(sender, bytes).catch(() => {}); // lost, as datagrams are
  }

  async #sendIn(sender: Sender, bytes: Uint8Array): Promise<void> {
    sender.inner ??= this.#connected(sender);
    const inner = await sender.inner;
    const reactor = this.#reactor;
    if (bytes.length > reactor.buffer.bytes || inner.closed) return;
    const ret = await reactor.run((task) => {
      task.memory.write(reactor.buffer.at, bytes);
      return send(task, inner.fd, reactor.buffer, bytes.length, MSG.DONTWAIT | MSG.NOSIGNAL);
    });
    // The refusal of an earlier one is told to the next, which is not sent then.
    if (ret === ECONNREFUSED) await this.#refused(sender, inner);
  }

  async #connected(sender: Sender): Promise<Inner> {
    const to = this.#to[sender.which];
    if (!to) throw new Error('there is nowhere to send to');
    const fd = await this.#reactor.run(async (task) => {
      const family = to.address.length === 4 ? AF.INET : AF.INET6;
      const made = must('socket', await socket(task, family, SOCK.DGRAM | SOCK.CLOEXEC | SOCK_NONBLOCK));
      const ret = await connect(task, made, to);
      if (ret < 0) await task.syscall('close', made);
      must('connect', ret);
      return made;
    });
    const inner = { fd, closed: false };
    this.#receive(sender, inner).catch(() => {}); // the kernel is no more
    return inner;
  }

  async #receive(sender: Sender, inner: Inner): Promise<void> {
    const reactor = this.#reactor;
    while (!inner.closed && !reactor.closed) {
      const [ret, bytes] = await reactor.run(async (task) => {
        const length = inner.closed ? EAGAIN : await recv(task, inner.fd, reactor.buffer, MSG.DONTWAIT);
        return [length, length > 0 ? task.memory.copy(reactor.buffer.at, length) : new Uint8Array(0)] as const;
      });
      if (inner.closed) return;
      if (ret === EAGAIN) await reactor.ready(inner.fd, EPOLL.IN);
      else if (ret === ECONNREFUSED) await this.#refused(sender, inner);
      else if (ret >= 0) {
        sender.isAnswered = true;
        sender.touchedMs = nowMs();
        sender.answer(bytes);
      }
    }
  }

  /** Nobody is at this address: the last datagram goes to the next one, if there is one and none has answered. */
  async #refused(sender: Sender, inner: Inner): Promise<void> {
    if (sender.isAnswered || inner.closed || this.#to.length < 2) return;
    sender.inner = undefined;
    await this.#close(inner);
    sender.which = (sender.which + 1) % this.#to.length;
    // Round once, and then at the next datagram.
    if (sender.which !== 0) await this.#sendIn(sender, sender.last);
  }

  async #close(inner: Inner): Promise<void> {
    if (inner.closed) return;
    inner.closed = true;
    await this.#reactor.close(inner.fd).catch(() => {});
  }

  #forgetIdle(): void {
    const before = nowMs() - IDLE_MS;
    for (const [name, { touchedMs }] of this.#senders) if (touchedMs < before) this.#forget(name);
  }

  #forget(name: string): void {
    const sender = this.#senders.get(name);
    if (!sender) return;
    this.#senders.delete(name);
    sender.inner?.then((inner) => this.#close(inner)).catch(() => {});
  }
}
