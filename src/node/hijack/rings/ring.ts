/** A ring of packets as programs map it (packet_mmap): memory of the machine's, into which this process puts what our kernel's socket receives. */

import { hostCall } from '../../native/calls.ts';

/** A packet and what is told about it. */
export interface Packet {
  readonly bytes: Uint8Array;
  /** How long it was. */
  readonly length: number;
  /** Where its network header is. */
  readonly network: number;
  readonly status: number;
  readonly vlan: { readonly tci: number; readonly tpid: number };
  readonly seconds: number;
  readonly ns: number;
  /** struct sockaddr_ll */
  readonly address: Uint8Array;
}

/** struct tpacket_req and tpacket_req3. */
export interface RingRequest {
  readonly blockSize: number;
  readonly blocks: number;
  readonly frameSize: number;
  readonly frames: number;
  /** Of the third version: milliseconds after which a block with something in it is the program's, and bytes of each that are its own. */
  readonly retireMs: number;
  readonly ownBytes: number;
}

export interface RingShape extends RingRequest {
  /** Bytes before each packet that the program wants. */
  readonly reserve: number;
  /** Packets begin with their network header (SOCK_DGRAM). */
  readonly isCooked: boolean;
}

export const [KERNEL, USER] = [0, 1] as const;
/** struct sockaddr_ll */
export const ADDRESS_BYTES = 20;
const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;
/** TPACKET_ALIGNMENT */
export const aligned = (bytes: number): number => align(bytes, 16);

/** Bytes at places of the memory. */
export class RingMemory {
  readonly fd: number;
  readonly name: string;
  readonly #word = new DataView(new ArrayBuffer(4));

  constructor({ fd, name }: { readonly fd: number; readonly name: string }) {
    this.fd = fd;
    this.name = name;
  }

  write(at: number, bytes: Uint8Array): void {
    hostCall('pwrite64', this.fd, bytes, bytes.length, BigInt(at));
  }
  u32(at: number): number {
    hostCall('pread64', this.fd, new Uint8Array(this.#word.buffer), 4, BigInt(at));
    return this.#word.getUint32(0, true);
  }
  u16(at: number): number {
    return this.u32(at) & 0xffff;
  }
  setU32(at: number, value: number): void {
    this.#word.setUint32(0, value, true);
    this.write(at, new Uint8Array(this.#word.buffer));
  }
}

/** Where in a frame of so many bytes of header a packet begins, and its network header. */
export function places(
  shape: RingShape,
  header: number,
  { network }: Packet,
): { readonly mac: number; readonly net: number } {
  const before = aligned(header) + ADDRESS_BYTES;
  if (shape.isCooked) {
    const net = aligned(before) + 16 + shape.reserve;
    return { mac: net, net };
  }
  const net = aligned(before + Math.max(network, 16)) + shape.reserve;
  return { mac: net - network, net };
}

/**
 * A packet as a ring has it: a header of its version that `tell` writes, the address, and `bytes` from `mac` on. `room`: bytes
 * that there are. They may do for what is told of the packet, and not for its own place.
 */
export function laidOut(
  { address }: Packet,
  bytes: Uint8Array,
  { header, mac, room }: { readonly header: number; readonly mac: number; readonly room: number },
  tell: (view: DataView) => void,
): Uint8Array {
  const all = new Uint8Array(room);
  tell(new DataView(all.buffer));
  all.set(address, aligned(header));
  if (bytes.length > 0) all.set(bytes, mac);
  return all;
}

/** Takes packets; false: the program has not made room. */
export interface Ring {
  put(packet: Packet): boolean;
  /** The program has something that it has not given back. */
  readonly isReady: boolean;
  close(): void;
}
