/** What a user network needs of the world outside: connections and datagrams, as a program without privileges makes them. */

import type { ByteStream } from '../sockets/byte-stream.ts';

/** Why there is no connection. What says nothing is worse than what refuses: the client waits. */
export class OutsideError extends Error {
  override readonly name = 'OutsideError';
  readonly reason: 'refused' | 'unreachable' | 'timeout' | 'forbidden';

  constructor(reason: OutsideError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface DatagramSocket {
  send(bytes: Uint8Array, address: string, port: number): void;
  close(): void;
}

export interface Outside {
  /** Rejects with an OutsideError. */
  tcp(address: string, port: number): Promise<ByteStream>;
  /** A socket from which datagrams go anywhere; `received` is told of what comes back. Absent: there is no UDP. */
  udp?(family: 4 | 6, received: (bytes: Uint8Array, address: string, port: number) => void): DatagramSocket;
  /** One query of DNS as it is, to whatever resolves names; undefined: no answer. Absent: queries are datagrams like others. */
  resolve?(query: Uint8Array): Promise<Uint8Array | undefined>;
  /** Where the host asks for names. */
  readonly nameserver?: string | undefined;
}
