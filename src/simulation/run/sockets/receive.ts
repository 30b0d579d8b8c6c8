/** Reads many datagrams or frames in one call, each with the time it arrived: recvmmsg(2) with SO_TIMESTAMPNS. */

import { CLOCK, MSG, PACKET, POLL, SO, SOL, TP_STATUS } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { type Ptr, plus } from '../../../kernel/memory.ts';
import { mapBuffer, unmapBuffer } from '../../../kernel/syscalls/memory.ts';
import { setsockopt } from '../../../kernel/syscalls/net.ts';
import { clockGettime } from '../../../kernel/syscalls/time.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import { EAGAIN, IP_TOS, IPV6_TCLASS, waitReady } from './sockets.ts';

/** How CLOCK_REALTIME, which stamps packets, lies over CLOCK_MONOTONIC: their difference in seconds and nanoseconds. */
export interface RealtimeOffset {
  readonly seconds: number;
  readonly ns: number;
}

/** The kernel may do other work between two readings: the closest pair of several tells. */
export async function realtimeOffset(task: UserTask): Promise<RealtimeOffset> {
  let closest = Number.POSITIVE_INFINITY;
  let offset = { seconds: 0, ns: 0 };
  for (let i = 0; i < 8; i++) {
    const before = await clockGettime(task, CLOCK.MONOTONIC);
    const realtime = await clockGettime(task, CLOCK.REALTIME);
    const after = await clockGettime(task, CLOCK.MONOTONIC);
    const apart = (after.seconds - before.seconds) * 1e9 + after.ns - before.ns;
    if (apart >= closest) continue;
    closest = apart;
    // The calls take the same time: halfway between the outer readings is the inner one.
    offset = { seconds: realtime.seconds - before.seconds, ns: realtime.ns - before.ns - Math.round(apart / 2) };
  }
  return offset;
}

/** One message, valid until the next read. */
export interface Message {
  /** CLOCK_MONOTONIC when it arrived. */
  readonly timeNs: number;
  /** What was kept of it. */
  readonly bytes: Uint8Array;
  /** How long it was. */
  readonly length: number;
  /** DSCP and ECN, where the socket was told to say so. */
  readonly tos?: number;
  /** packet(7): a frame this host sent. */
  readonly outgoing: boolean;
  /** packet(7): the VLAN tag that the kernel took out, as it stood in the frame; with its protocol. */
  readonly vlan?: { readonly tci: number; readonly protocol: number };
}

const MOST_SLOTS = 64;
/** Memory for the messages of one call, more or less. */
const BATCH_BYTES = 256 * 1024;
const MSGHDR = 28;
const MMSGHDR = 32;
const IOVEC = 8;
const CMSGHDR = 12;
/** A time and packet(7)'s auxiliary data. */
const CONTROL = 80;
/** struct sockaddr_ll; a datagram's sender is not asked for. */
const NAME = 20;
const PER_SLOT = MMSGHDR + IOVEC + NAME + CONTROL;
const PACKET_TYPE = 10;
const AUX = { status: 0, length: 4, vlanTci: 16, vlanProtocol: 18 } as const;

/** Reads one socket of one task. */
export class BatchReader {
  readonly #task: UserTask;
  readonly #fd: number;
  readonly #at: Ptr;
  readonly #slots: number;
  readonly #kept: number;
  readonly #offset: RealtimeOffset;

  private constructor(task: UserTask, fd: number, at: Ptr, slots: number, kept: number, offset: RealtimeOffset) {
    this.#task = task;
    this.#fd = fd;
    this.#at = at;
    this.#slots = slots;
    this.#kept = kept;
    this.#offset = offset;
  }

  /** `kept` bytes of each message are read. */
  static async open(task: UserTask, fd: number, kept: number, offset: RealtimeOffset): Promise<BatchReader> {
    must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.TIMESTAMPNS_NEW, 1));
    const slots = Math.max(1, Math.min(MOST_SLOTS, Math.floor(BATCH_BYTES / kept)));
    const { at } = await mapBuffer(task, slots * (PER_SLOT + kept));
    return new BatchReader(task, fd, at, slots, kept, offset);
  }

  /** Headers first, then names and controls, then data. */
  #slot(i: number) {
    const slots = this.#slots;
    return {
      header: plus(this.#at, i * MMSGHDR),
      iovec: plus(this.#at, slots * MMSGHDR + i * IOVEC),
      name: plus(this.#at, slots * (MMSGHDR + IOVEC) + i * NAME),
      control: plus(this.#at, slots * (MMSGHDR + IOVEC + NAME) + i * CONTROL),
      data: plus(this.#at, slots * PER_SLOT + i * this.#kept),
    };
  }

  /** Give its memory back. */
  async close(): Promise<void> {
    await unmapBuffer(this.#task, { at: this.#at, bytes: this.#slots * (PER_SLOT + this.#kept) });
  }

  #prepare(): void {
    const { memory } = this.#task;
    for (let i = 0; i < this.#slots; i++) {
      const { header, iovec, name, control, data } = this.#slot(i);
      const words = [name, NAME, iovec, 1, control, CONTROL, 0, 0];
      for (const [n, word] of words.entries()) memory.setU32(plus(header, 4 * n), word);
      memory.setU32(iovec, data);
      memory.setU32(plus(iovec, 4), this.#kept);
    }
  }

  /** Everything that has arrived, in order. Answers how much that was. */
  async drain(take: (message: Message) => void): Promise<number> {
    let total = 0;
    for (;;) {
      this.#prepare();
      const count = await this.#task.syscall(
        'recvmmsg_time64',
        this.#fd,
        this.#at,
        this.#slots,
        MSG.DONTWAIT | MSG.TRUNC,
        0,
      );
      if (count === EAGAIN) return total;
      must('recvmmsg_time64', count);
      for (let i = 0; i < count; i++) take(this.#message(i));
      total += count;
      if (count < this.#slots) return total;
    }
  }

  #message(i: number): Message {
    const { memory } = this.#task;
    const { header, name, control, data } = this.#slot(i);
    const length = memory.u32(plus(header, MSGHDR));
    const controls = this.#controls(control, memory.u32(plus(header, 20)));
    return {
      timeNs: controls.timeNs ?? 0,
      ...(controls.vlan && { vlan: controls.vlan }),
      ...(controls.tos !== undefined && { tos: controls.tos }),
      length: controls.length ?? length,
      bytes: memory.view(data, Math.min(length, this.#kept)),
      outgoing: memory.u8(plus(name, PACKET_TYPE)) === PACKET.OUTGOING,
    };
  }

  #controls(at: Ptr, length: number): { timeNs?: number; length?: number; tos?: number; vlan?: Message['vlan'] } {
    const { memory } = this.#task;
    const found: { timeNs?: number; length?: number; tos?: number; vlan?: { tci: number; protocol: number } } = {};
    for (let offset = 0; offset + CMSGHDR <= length; ) {
      const header = plus(at, offset);
      const value = plus(header, CMSGHDR);
      const type = memory.u32(plus(header, 8));
      const level = memory.u32(plus(header, 4));
      if (level === SOL.SOCKET && type === SO.TIMESTAMPNS_NEW) {
        found.timeNs =
          (memory.u64AsNumber(value) - this.#offset.seconds) * 1e9 +
          memory.u64AsNumber(plus(value, 8)) -
          this.#offset.ns;
      } else if ((level === SOL.IP && type === IP_TOS) || (level === SOL.IPV6 && type === IPV6_TCLASS)) {
        found.tos = memory.u8(value);
      } else if (level === SOL.PACKET && type === PACKET.AUXDATA) {
        found.length = memory.u32(plus(value, AUX.length));
        if (memory.u32(plus(value, AUX.status)) & TP_STATUS.VLAN_VALID)
          found.vlan = {
            tci: memory.u16(plus(value, AUX.vlanTci)),
            protocol: memory.u16(plus(value, AUX.vlanProtocol)),
          };
      }
      offset += (memory.u32(header) + 3) & ~3;
    }
    return found;
  }

  /** Sleep until something has arrived. Answers whether something has. */
  async wait(clock: { nowNs(): number }, untilNs: number): Promise<boolean> {
    return waitReady(clock, this.#task, this.#fd, POLL.IN, untilNs);
  }
}
