/** Rings of packets (PACKET_RX_RING): a task of our kernel receives for each, and what it gets goes into memory that the program has mapped. */

import { hostCall } from '../../native/calls.ts';
import { newMemory } from '../files/lending.ts';
import type { OpenFile } from '../files/open-files.ts';
import { negative } from '../program/failed.ts';
import type { KernelTask } from '../program/kernel-task.ts';
import { HEADER as BLOCK_HEADER, Blocks, beginOf } from './blocks.ts';
import { HEADER as FRAME_HEADER, Frames } from './frames.ts';
import { receive, tellMore } from './receive.ts';
import { ADDRESS_BYTES, aligned, type Ring, RingMemory, type RingRequest } from './ring.ts';

export const [SECOND, THIRD] = [1, 2] as const;
const SOCK_DGRAM = 2;
const PAGE = 4096;
const MOST_BYTES = 256 << 20;
const [EFD_CLOEXEC, EFD_NONBLOCK] = [0o2000000, 0o4000] as const;
const EINVAL = negative('EINVAL');

export interface RingsNeeds {
  newTask(): Promise<KernelTask>;
  done(task: KernelTask): void;
  interrupt(task: KernelTask): void;
}

interface Live {
  readonly memory: RingMemory;
  readonly ring: Ring;
  /** An eventfd of the machine's: readable while the program has packets. */
  readonly event: number;
  task: KernelTask | undefined;
  isOver: boolean;
}

interface Wanted {
  version: number;
  reserve: number;
}

export class Rings {
  readonly #needs: RingsNeeds;
  readonly #live = new Map<OpenFile, Live>();
  readonly #wanted = new WeakMap<OpenFile, Wanted>();

  constructor(needs: RingsNeeds) {
    this.#needs = needs;
  }

  /** PACKET_VERSION and PACKET_RESERVE come before the ring. */
  wants(file: OpenFile, what: Partial<Wanted>): void {
    this.#wanted.set(file, { version: 0, reserve: 0, ...this.#wanted.get(file), ...what });
  }
  versionOf(file: OpenFile): number {
    return this.#wanted.get(file)?.version ?? 0;
  }

  /** The ring that a file has; undefined: none. */
  of(file: OpenFile): { readonly memory: RingMemory; readonly event: number } | undefined {
    return this.#live.size === 0 ? undefined : this.#live.get(file);
  }

  /** What programs have not given back by now is ready. */
  refresh(): void {
    for (const { ring, event } of this.#live.values()) signal(event, ring.isReady);
  }

  /** 0 or a negative errno. */
  async make(task: KernelTask, file: OpenFile, request: RingRequest): Promise<number> {
    if (request.blocks === 0) {
      this.closed(file);
      return 0;
    }
    const { version, reserve } = this.#wanted.get(file) ?? { version: 0, reserve: 0 };
    if ((version !== SECOND && version !== THIRD) || this.#live.has(file)) return EINVAL;
    const header = aligned(version === SECOND ? FRAME_HEADER : BLOCK_HEADER) + ADDRESS_BYTES + reserve;
    const { blockSize, blocks, frameSize, frames } = request;
    const perBlock = Math.floor(blockSize / frameSize);
    if (blockSize === 0 || blockSize % PAGE !== 0 || frameSize < header || frameSize % 16 !== 0) return EINVAL;
    if (version === THIRD && blockSize < beginOf(request) + header) return EINVAL;
    if (perBlock === 0 || perBlock * blocks !== frames) return EINVAL;
    if (blockSize * blocks > MOST_BYTES) return negative('ENOMEM');
    const told = await tellMore(task, file.fd);
    if (told < 0) return told;
    const memory = newMemory(blockSize * blocks);
    if (typeof memory === 'number') return memory;
    const event = hostCall('eventfd2', 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) {
      hostCall('close', memory.fd);
      return event;
    }
    this.#begin(file, new RingMemory(memory), event, { ...request, reserve, version });
    return 0;
  }

  #begin(file: OpenFile, memory: RingMemory, event: number, from: RingRequest & Wanted): void {
    const shape = { ...from, isCooked: file.type === SOCK_DGRAM };
    const ready = () => signal(event, true);
    const ring = from.version === SECOND ? new Frames(memory, shape, ready) : new Blocks(memory, shape, ready);
    const live: Live = { memory, ring, event, task: undefined, isOver: false };
    this.#live.set(file, live);
    void this.#pump(file, live);
  }

  async #pump(file: OpenFile, live: Live): Promise<void> {
    try {
      const task = await this.#needs.newTask();
      live.task = task;
      try {
        while (!live.isOver) {
          const packet = await receive(task, file.fd);
          if (packet === 'ended') break;
          if (packet && !live.isOver) live.ring.put(packet);
        }
      } finally {
        this.#needs.done(task);
      }
    } catch {
      // The kernel has ended, and all programs with it.
    }
  }

  closed(file: OpenFile): void {
    const live = this.#live.get(file);
    if (!live) return;
    this.#live.delete(file);
    live.isOver = true;
    live.ring.close();
    if (live.task) this.#needs.interrupt(live.task);
    for (const fd of [live.memory.fd, live.event]) hostCall('close', fd);
  }

  close(): void {
    for (const file of [...this.#live.keys()]) this.closed(file);
  }
}

const one = BigUint64Array.of(1n);
const taken = new BigUint64Array(1);

function signal(event: number, isReady: boolean): void {
  if (isReady) hostCall('write', event, one, 8);
  else hostCall('read', event, taken, 8);
}

/** How long the kernel's struct is: of what programs ask for by PACKET_HDRLEN. */
export const headerOf = (version: number): number | undefined =>
  version === SECOND ? FRAME_HEADER : version === THIRD ? BLOCK_HEADER : undefined;

/** A struct tpacket_req or tpacket_req3. */
export function requestOf(view: DataView, version: number): RingRequest | undefined {
  if (view.byteLength < (version === THIRD ? 28 : 16)) return undefined;
  const [blockSize = 0, blocks = 0, frameSize = 0, frames = 0] = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
  const isThird = version === THIRD;
  return {
    blockSize,
    blocks,
    frameSize,
    frames,
    retireMs: isThird ? view.getUint32(16, true) : 0,
    ownBytes: isThird ? view.getUint32(20, true) : 0,
  };
}
