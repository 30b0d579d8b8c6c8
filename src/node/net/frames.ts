/** A back end of a descriptor that takes and gives one frame a call, with a virtio-net header in front or none. */

import { MOST_FRAME_BYTES, NET_HEADER_BYTES, type NetBackend, type NetPort } from '../../kernel/virtio/net-backend.ts';
import { Descriptor } from './descriptor.ts';

export interface FrameWire {
  /** Its own from now on, with O_NONBLOCK. */
  readonly fd: number;
  readonly offloads: bigint;
  /** Bytes of struct virtio_net_hdr in front of each frame: 12, or 10 without the number of buffers, or 0. */
  readonly headerBytes: 0 | 10 | 12;
  /** Reads one frame with its header instead of read(2). */
  readonly read?: (into: Uint8Array) => number | undefined;
  /** Once it is closed. */
  readonly closed?: () => void;
}

/** So many are taken in one turn of the event loop, that others get theirs. */
const FRAMES_A_TURN = 128;

export function frameBackend(wire: FrameWire): NetBackend {
  const { headerBytes, offloads } = wire;
  const buffer = new Uint8Array(headerBytes + MOST_FRAME_BYTES);
  const header = new Uint8Array(NET_HEADER_BYTES);
  let port: NetPort | undefined;
  let waiting = false;

  const receive = () => {
    for (let i = 0; i < FRAMES_A_TURN && port && !descriptor.isClosed; i++) {
      const { room } = port;
      if (room) {
        descriptor.listen(false);
        waiting = true;
        room.then(() => {
          waiting = false;
          descriptor.listen(true);
        });
        return;
      }
      let bytes: number | undefined;
      try {
        bytes = wire.read ? wire.read(buffer) : descriptor.read(buffer);
      } catch {
        // The device went down or away: what comes after that is heard of when it comes.
        pause();
        return;
      }
      if (bytes === undefined) return;
      if (bytes <= headerBytes) {
        if (bytes === 0) pause();
        return;
      }
      header.set(buffer.subarray(0, headerBytes));
      port.deliver(buffer.subarray(headerBytes, bytes), headerBytes === 0 ? undefined : header);
    }
  };
  const descriptor = new Descriptor(wire.fd, receive);

  /** A descriptor in an error is always readable: it is looked at again, but not all the time. */
  function pause(): void {
    descriptor.listen(false);
    setTimeout(() => {
      if (!waiting) descriptor.listen(true);
    }, 100).unref();
  }

  return {
    offloads,
    isOutside: true,
    open(own) {
      port = own;
      descriptor.listen(true);
    },
    send(frame, own) {
      const bytes = headerBytes === 0 ? frame : joined(own.subarray(0, headerBytes), frame);
      if (descriptor.isClosed || descriptor.write(bytes) !== undefined) return undefined;
      return (async () => {
        do await descriptor.writable();
        while (!descriptor.isClosed && descriptor.write(bytes) === undefined);
      })();
    },
    close() {
      port = undefined;
      if (descriptor.isClosed) return;
      descriptor.close();
      wire.closed?.();
    },
  };
}

/** Both as one: without a copy where they lie so already. */
export function joined(header: Uint8Array, frame: Uint8Array): Uint8Array {
  if (header.buffer === frame.buffer && header.byteOffset + header.length === frame.byteOffset)
    return new Uint8Array(header.buffer, header.byteOffset, header.length + frame.length);
  const both = new Uint8Array(header.length + frame.length);
  both.set(header);
  both.set(frame, header.length);
  return both;
}
