/** Servers that listen in a session's kernel, reached from outside: a connection of its own for each request. */

import { errnos } from '../../../abi/errno.ts';
import { parseIpv4, parseIpv6 } from '../../../abi/netlink/inet.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Host } from '../../../kernel/host.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import type { ByteStream } from '../../../network/sockets/byte-stream.ts';
import { connectIn } from '../../../network/sockets/kernel-stream.ts';
import { Reactor } from '../../../network/sockets/reactor.ts';

/** One connection, with what it holds of the kernel. */
export interface PortConnection {
  readonly stream: ByteStream;
  /** Virtual time passes for the server from now on, until what this answers is called. */
  letTimePass(): () => void;
  /** Aborts it, and lets go of the kernel. Again: nothing. */
  close(): Promise<void>;
}

/** As many as may be open at a time. */
const MOST = 256;
/** A server that is there takes a connection at once; a firewall, or a loopback that is gone, never says that there is none. */
const CONNECT_MS = 10_000;
const TRIED = [parseIpv4('127.0.0.1'), parseIpv6('::1')].filter((one) => one !== undefined);

export class Ports {
  readonly #kernel: Kernel;
  readonly #host: Pick<Host, 'timer' | 'turn'>;
  #reactor: Promise<Reactor> | undefined;
  readonly #open = new Set<PortConnection>();
  #opening = 0;

  constructor(kernel: Kernel, host: Pick<Host, 'timer' | 'turn'>) {
    this.#kernel = kernel;
    this.#host = host;
  }

  /** Connections that are open: a kernel that has some cannot be stored. */
  get open(): number {
    return this.#open.size + this.#opening;
  }

  /** To the server at this port of the loopback. Rejects with `no-listener`. `deadlock` is called when virtual time would never bring an answer. */
  async connect(port: number, deadlock: () => void): Promise<PortConnection> {
    if (this.open >= MOST)
      throw new HostError('too-many-requests', `${MOST} connections to ports of this session are open`);
    this.#opening++;
    try {
      const reactor = await this.#held();
      const connection = this.#connection(await this.#connected(reactor, port), deadlock);
      this.#open.add(connection);
      return connection;
    } finally {
      this.#opening--;
      await this.#letGo();
    }
  }

  /** All that are open end in the midst of what they carry. */
  closeAll(): void {
    for (const connection of this.#open) connection.close().catch(() => {}); // a kernel that is dead has none
  }

  #held(): Promise<Reactor> {
    this.#reactor ??= Reactor.open(this.#kernel);
    return this.#reactor;
  }

  async #connected(reactor: Reactor, port: number): Promise<ByteStream> {
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => {}); // who waits for it hears it
    const cancel = this.#host.timer(CONNECT_MS, () =>
      late.reject(
        new HostError('no-listener', `port ${port} was asked for ${CONNECT_MS / 1000} s, and nothing said anything`),
      ),
    );
    let first: unknown;
    try {
      for (const address of TRIED) {
        try {
          return await connectIn(reactor, { address, port }, late.promise);
        } catch (cause) {
          if (!(cause instanceof KernelError)) throw cause;
          first ??= cause;
        }
      }
    } finally {
      cancel();
    }
    const errno = first instanceof KernelError ? first.number : 0;
    if (errno === errnos.ECONNREFUSED.number)
      throw new HostError('no-listener', `nobody listens at port ${port} of 127.0.0.1 or ::1`);
    if (errno === errnos.ENETUNREACH.number)
      throw new HostError(
        'no-listener',
        'the loopback of the session is down: it is up unless `network.loopback` is false',
      );
    throw new HostError('no-listener', `port ${port}: ${first instanceof Error ? first.message : String(first)}`);
  }

  #connection(stream: ByteStream, deadlock: () => void): PortConnection {
    const { engine, init } = this.#kernel;
    const stop = engine.onDeadlock(() => {
      if (passing === 0) return false;
      deadlock();
      return true;
    });
    let passing = 0;
    const resumes = new Set<() => void>();
    let closed: Promise<void> | undefined;
    const connection: PortConnection = {
      stream,
      letTimePass: () => {
        passing++;
        const resume = init.pause();
        const end = () => {
          if (!resumes.delete(end)) return;
          passing--;
          resume();
        };
        resumes.add(end);
        return end;
      },
      close: () => {
        closed ??= (async () => {
          for (const end of resumes) end();
          stop();
          await stream.abort();
          this.#open.delete(connection);
          await this.#letGo();
        })();
        return closed;
      },
    };
    return connection;
  }

  /** Nobody is connected: the task that makes the calls goes. */
  async #letGo(): Promise<void> {
    // A page asks for the next thing as soon as it has one.
    await this.#host.turn();
    if (this.open > 0 || !this.#reactor) return;
    const reactor = this.#reactor;
    this.#reactor = undefined;
    await (await reactor).end();
  }
}
