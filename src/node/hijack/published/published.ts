/** Ports of this machine that lead to servers in our kernel, whoever listens there: a connection of its own for each that comes. */

import type { AddressInfo } from 'node:net';
import { errnos } from '../../../abi/errno.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import type { InternetAddress } from '../../../kernel/syscalls/net.ts';
import { type ByteStream, join } from '../../../network/sockets/byte-stream.ts';
import { connectIn } from '../../../network/sockets/kernel-stream.ts';
import { Reactor } from '../../../network/sockets/reactor.ts';
import { InterfaceError, refused } from '../../net/interface-error.ts';
import { listenOutside } from '../../net/outside.ts';
import { HijackError } from '../host/launch.ts';
import { Datagrams } from './datagrams.ts';
import type { Publication } from './words.ts';

/** What listens on this machine. */
export interface Published {
  /** As `127.0.0.1:8080`, in the order that was asked for. */
  readonly at: readonly string[];
  /** Nobody is let in any more; connections that there are go. */
  close(): void;
}

interface Opened {
  readonly at: string;
  close(): void;
}

/** As many connections at a time as a kernel has memory for. */
const MOST = 1024;

/**
 * Listens for each. A connection is made to the first network namespace of the kernel. Rejects with `HijackError` when a port cannot be had: then
 * none is.
 */
export async function publish(kernel: Kernel, publications: readonly Publication[]): Promise<Published> {
  if (publications.length === 0) return { at: [], close() {} };
  const reactor = await Reactor.open(kernel);
  const opened: Opened[] = [];
  const close = () => {
    for (const one of opened) one.close();
  };
  try {
    for (const publication of publications)
      opened.push(await (publication.protocol === 'tcp' ? streams : datagrams)(reactor, publication));
  } catch (cause) {
    close();
    throw cause;
  }
  return { at: opened.map(({ at }) => at), close };
}

async function streams(reactor: Reactor, publication: Publication): Promise<Opened> {
  const { address, port, to } = publication;
  const open = new Set<ByteStream>();
  const each = async (outer: ByteStream): Promise<void> => {
    if (open.size >= MOST) return outer.abort();
    open.add(outer);
    try {
      await join(await connected(reactor, to), outer);
    } catch {
      // Nobody listens, as far as the one who came can see.
      await outer.abort();
    } finally {
      open.delete(outer);
    }
  };
  const server = await listenOutside(address, port, (outer) => void each(outer)).catch((cause: unknown) => {
    throw unavailable(publication, cause);
  });
  return {
    at: named(server.address() as AddressInfo),
    close() {
      server.close();
      for (const outer of open) void outer.abort();
    },
  };
}

async function datagrams(reactor: Reactor, publication: Publication): Promise<Opened> {
  const relay = new Datagrams(reactor, publication.to);
  const at = await relay.listen(publication.address, publication.port).catch((cause: unknown) => {
    throw unavailable(publication, cause);
  });
  return { at: `${named(at)}/udp`, close: () => relay.close() };
}

/** To the first that listens. Rejects with what the first said. */
async function connected(reactor: Reactor, to: readonly InternetAddress[]): Promise<ByteStream> {
  let first: unknown;
  for (const address of to) {
    try {
      return await connectIn(reactor, address);
    } catch (cause) {
      if (!(cause instanceof KernelError)) throw cause;
      first ??= cause;
    }
  }
  throw first ?? new KernelError('connect', errnos.ECONNREFUSED.number);
}

const named = ({ address, port, family }: AddressInfo): string =>
  family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;

function unavailable({ address, port, protocol }: Publication, cause: unknown): unknown {
  const error = refused(`--publish ${address}:${port}${protocol === 'udp' ? '/udp' : ''}`, cause, {
    EADDRINUSE: 'another program has this port',
    EACCES: 'ports below 1024 are for root',
    EADDRNOTAVAIL: 'this machine has no such address',
  });
  return error instanceof InterfaceError ? new HijackError(error.message) : error;
}
