/** A ring of packets that are sent (PACKET_TX_RING): what the program has written into frames goes to our kernel's socket when it says so. */

import { hostCall } from '../../native/calls.ts';
import { negative } from '../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../program/kernel-task.ts';
import { aligned, type RingMemory, type RingRequest } from './ring.ts';

/** What a frame's status says: nothing is in it; it is to be sent; it cannot be. */
const [AVAILABLE, SEND_REQUEST, WRONG_FORMAT] = [0, 1, 4] as const;

/** Where in a frame its length and its status lie, and the place where the packet begins, of those who say it. */
export interface FrameLayout {
  readonly header: number;
  readonly length: number;
  readonly status: number;
  readonly offset: number;
}

export class SendingRing {
  readonly #request: RingRequest;
  readonly #layout: FrameLayout;
  #memory: RingMemory;
  /** Where it begins in the memory: behind a ring of packets that come. */
  #from: number;
  #next = 0;

  constructor(memory: RingMemory, from: number, request: RingRequest, layout: FrameLayout) {
    this.#memory = memory;
    this.#from = from;
    this.#request = request;
    this.#layout = layout;
  }

  get bytes(): number {
    return this.#request.blockSize * this.#request.blocks;
  }

  /** Before the program has mapped it. */
  move(memory: RingMemory, from: number): void {
    this.#memory = memory;
    this.#from = from;
  }

  #at(index: number): number {
    const { blockSize, frameSize } = this.#request;
    const perBlock = Math.floor(blockSize / frameSize);
    return this.#from + Math.floor(index / perBlock) * blockSize + (index % perBlock) * frameSize;
  }

  /** Bytes of what was sent; a negative errno where nothing was. The address lies in the task's memory. */
  async send(
    task: KernelTask,
    fd: number,
    options: { readonly flags: number; readonly saysOffset: boolean; readonly skipsWrong: boolean },
    address: { readonly at: number; readonly bytes: number },
  ): Promise<number> {
    const { frames, frameSize } = this.#request;
    let sent = 0;
    // Each once at most: a program may fill them as fast as they are emptied.
    for (let count = 0; count < frames; count++) {
      const at = this.#at(this.#next);
      const status = at + this.#layout.status;
      if (this.#memory.u32(status) !== SEND_REQUEST) break;
      const begin = options.saysOffset ? this.#memory.u16(at + this.#layout.offset) : aligned(this.#layout.header);
      const bytes = this.#memory.u32(at + this.#layout.length);
      const ret =
        begin < this.#layout.header
          ? negative('EINVAL')
          : begin + bytes > frameSize || bytes > DATA_BYTES
            ? negative('EMSGSIZE')
            : await this.#sendOne(task, fd, options.flags, address, { at: at + begin, bytes });
      if (ret < 0 && !(ret === negative('EINVAL') || ret === negative('EMSGSIZE'))) return sent > 0 ? sent : ret;
      if (ret < 0 && !options.skipsWrong) {
        this.#memory.setU32(status, WRONG_FORMAT);
        return sent > 0 ? sent : ret;
      }
      this.#memory.setU32(status, AVAILABLE);
      this.#next = (this.#next + 1) % frames;
      if (ret > 0) sent += ret;
    }
    return sent;
  }

  #sendOne(
    task: KernelTask,
    fd: number,
    flags: number,
    address: { readonly at: number; readonly bytes: number },
    packet: { readonly at: number; readonly bytes: number },
  ): Promise<number> {
    const got = hostCall(
      'pread64',
      this.#memory.fd,
      task.memory.view(task.data, packet.bytes),
      packet.bytes,
      BigInt(packet.at),
    );
    if (got < packet.bytes) return Promise.resolve(negative('EINVAL'));
    return task.call('sendto', fd, task.data, packet.bytes, flags, address.bytes > 0 ? address.at : 0, address.bytes);
  }
}
