/** A cable over a WebSocket: each frame is one binary message, as relays for emulators in browsers have it. */

import type { NetBackend, NetPort } from '../kernel/virtio/net-backend.ts';

/** What is needed of a WebSocket that is open; both a browser's and a Worker's have it. */
export interface MessageSocket {
  readonly bufferedAmount?: number;
  send(message: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export interface SocketCable {
  readonly backend: NetBackend;
  /** A message came. What is no binary message is none of ours. */
  received(message: unknown): void;
  /** The other side is gone. */
  closed(): void;
}

/** What the other side has not taken yet: frames beyond it are lost, as on a slow cable. */
const MOST_UNSENT_BYTES = 4 * 2 ** 20;

export function socketCable(socket: MessageSocket): SocketCable {
  let port: NetPort | undefined;
  return {
    backend: {
      offloads: 0n,
      isOutside: true,
      open(own) {
        port = own;
      },
      send(frame) {
        if ((socket.bufferedAmount ?? 0) > MOST_UNSENT_BYTES) return;
        socket.send(frame.slice());
      },
      close() {
        port = undefined;
        socket.close();
      },
    },
    received(message) {
      if (message instanceof ArrayBuffer) port?.deliver(new Uint8Array(message));
      else if (message instanceof Uint8Array) port?.deliver(message);
    },
    closed() {
      port?.setCarrier(false);
    },
  };
}
