/** What stands behind a virtio-net device: whoever takes the kernel's frames and brings it others. */

import type { MaybePromise } from '../../storage/block-device.ts';

/** Bytes of `struct virtio_net_hdr_v1` (Virtio 1.2, section 5.1.6), which lies in front of each frame in the queues. */
export const NET_HEADER_BYTES = 12;
/** The longest frame: an Ethernet header with a VLAN tag, and 65,535 bytes, as a GSO frame may have. */
export const MOST_FRAME_BYTES = 65_535 + 18;

/** Bits of virtio-net's features that say what a header may ask for (section 5.1.3): LKL's `offload` is made of the same. */
export const OFFLOADS = {
  csum: 1n << 0n,
  guestCsum: 1n << 1n,
  guestTso4: 1n << 7n,
  guestTso6: 1n << 8n,
  guestEcn: 1n << 9n,
  guestUfo: 1n << 10n,
  hostTso4: 1n << 11n,
  hostTso6: 1n << 12n,
  hostEcn: 1n << 13n,
  hostUfo: 1n << 14n,
  guestUso4: 1n << 54n,
  guestUso6: 1n << 55n,
  hostUso: 1n << 56n,
} as const;

export const ALL_OFFLOADS = Object.values(OFFLOADS).reduce((all, bit) => all | bit, 0n);

/** The device as its back end sees it. */
export interface NetPort {
  /**
   * A frame for the kernel, from its Ethernet header on; `header` as in the queues, where the frame is not whole (a checksum to be
   * made, segments to be cut). Neither is kept. False: dropped, as a network card does whose kernel is too slow.
   */
  deliver(frame: Uint8Array, header?: Uint8Array): boolean;
  /** Undefined: the next frame has room. Otherwise settles when it has; who waits for it loses none. */
  readonly room: Promise<void> | undefined;
  /** Plug the cable in, or pull it. In at first. */
  setCarrier(up: boolean): void;
}

/**
 * Laws:
 * - `open` is called once, before anything else; from then on frames may be delivered, until `close`.
 * - `frame` and `header` of `send` may be kept. While what it answers has not settled, no other frame is sent.
 * - A frame that cannot be sent is lost, as on a cable: `send` fails only when the reason is worth telling (`lastError`).
 * - `close` is called once, also when the kernel has died; nothing is delivered afterwards.
 */
export interface NetBackend {
  /** Which of `OFFLOADS` it can do with a frame that is sent, or may leave undone in one that it delivers. */
  readonly offloads: bigint;
  /** Whoever is behind it has a time of his own: virtual time waits a little for his answers, and is no deadlock while he may bring some. */
  readonly isOutside: boolean;
  open(port: NetPort): void;
  send(frame: Uint8Array, header: Uint8Array): MaybePromise<void>;
  close(): MaybePromise<void>;
}

/** A socket without a cable. */
export const unplugged: NetBackend = {
  offloads: ALL_OFFLOADS,
  isOutside: false,
  open: (port) => port.setCarrier(false),
  send: () => {},
  close: () => {},
};
