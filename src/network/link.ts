/** A cable between two kernels of one process, or between a kernel and whoever plays the other end. */

import { ALL_OFFLOADS, type NetBackend, type NetPort } from '../kernel/virtio/net-backend.ts';

export interface LinkOptions {
  /** What both ends' drivers may leave undone in frames. Default: everything, for both are Linux. */
  readonly offloads?: bigint;
}

/** Two back ends: what one is sent, the other delivers. When one is closed the other's carrier is gone. */
export function link({ offloads = ALL_OFFLOADS }: LinkOptions = {}): readonly [NetBackend, NetBackend] {
  const ports: [NetPort | undefined, NetPort | undefined] = [undefined, undefined];
  const end = (own: 0 | 1): NetBackend => {
    const other = own === 0 ? 1 : 0;
    return {
      offloads,
      isOutside: true,
      open(port) {
        ports[own] = port;
        // A cable with one end in nothing has no carrier.
        for (const [i, each] of ports.entries()) each?.setCarrier(ports[1 - i] !== undefined);
      },
      send(frame, header) {
        const peer = ports[other];
        const room = peer?.room;
        if (!room) return void peer?.deliver(frame, header);
        return room.then(() => void ports[other]?.deliver(frame, header));
      },
      close() {
        ports[own] = undefined;
        ports[other]?.setCarrier(false);
      },
    };
  };
  return [end(0), end(1)];
}
