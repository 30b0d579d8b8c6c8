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
import { SendingRing } from './sending.ts';

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
  readonly bytes: number;
  readonly ring: Ring;
  /** An eventfd of the machine's: readable while the program has packets. */
  readonly event: number;
  task: KernelTask | undefined;
  isOver: boolean;
  /** Packets for which the program had made no room, and how often that began, since somebody asked. */
  lost: number;
  frozen: number;
}

interface Wanted {
  version: number;
  reserve: number;
  /** Of packets that are sent: each frame says where its packet begins; and those that are none are passed over. */
  saysOffset: boolean;
  skipsWrong: boolean;
}
const usual: Wanted = { version: 0, reserve: 0, saysOffset: false, skipsWrong: false };

export class Rings {
  readonly #needs: RingsNeeds;
  readonly #live = new Map<OpenFile, Live>();
  readonly #sending = new Map<OpenFile, { readonly memory: RingMemory; readonly ring: SendingRing }>();
  readonly #wanted = new WeakMap<OpenFile, Wanted>();

  constructor(needs: RingsNeeds) {
    this.#needs = needs;
  }

  /** PACKET_VERSION and PACKET_RESERVE come before the ring. */
  wants(file: OpenFile, what: Partial<Wanted>): void {
    this.#wanted.set(file, { ...usual, ...this.#wanted.get(file), ...what });
  }
  versionOf(file: OpenFile): number {
    return this.#wanted.get(file)?.version ?? 0;
  }

  /** The memory of a file's rings, which a program maps; undefined: none. */
  memoryOf(file: OpenFile): RingMemory | undefined {
    return this.#live.get(file)?.memory ?? this.#sending.get(file)?.memory;
  }

  /** What a send(2) on a file with a ring of packets that are sent does; undefined: it has none. */
  sends(
    task: KernelTask,
    file: OpenFile,
    flags: number,
    address: { readonly at: number; readonly bytes: number },
  ): Promise<number> | undefined {
    if (this.#sending.size === 0) return undefined;
    const { saysOffset, skipsWrong } = this.#wanted.get(file) ?? usual;
    return this.#sending.get(file)?.ring.send(task, file.fd, { flags, saysOffset, skipsWrong }, address);
  }

  /** 0 or a negative errno. */
  makeSending(file: OpenFile, request: RingRequest): number {
    if (request.blocks === 0) {
      this.#endSending(file);
      return 0;
    }
    const { version } = this.#wanted.get(file) ?? usual;
    const wrong = this.#sending.has(file) ? EINVAL : wrongIn(request, version, 0);
    if (wrong < 0) return wrong;
    const coming = this.#live.get(file);
    const memory = coming ? coming.memory : newMemory(bytesOf(request));
    if (typeof memory === 'number') return memory;
    // Those that come are first in what the program maps.
    const from = coming ? coming.bytes : 0;
    if (coming) {
      const ret = hostCall('ftruncate', memory.fd, BigInt(from + bytesOf(request)));
      if (ret < 0) return ret;
    }
    const own = coming ? coming.memory : new RingMemory(memory);
    this.#sending.set(file, {
      memory: own,
      ring: new SendingRing(own, from, request, version === SECOND ? secondFrame : thirdFrame),
    });
    return 0;
  }

  #endSending(file: OpenFile): void {
    const ending = this.#sending.get(file);
    if (!ending) return;
    this.#sending.delete(file);
    if (this.#live.get(file)?.memory !== ending.memory) hostCall('close', ending.memory.fd);
  }

  /** The ring that a file has; undefined: none. */
  of(file: OpenFile): { readonly memory: RingMemory; readonly event: number } | undefined {
    return this.#live.size === 0 ? undefined : this.#live.get(file);
  }

  /** Adds to a struct tpacket_stats or tpacket_stats_v3, which tells what the socket itself lost, what its ring had no room for. */
  addLost(file: OpenFile, stats: Uint8Array): void {
    const live = this.#live.get(file);
    if (!live) return;
    const view = new DataView(stats.buffer, stats.byteOffset, stats.byteLength);
    const add = (at: number, count: number) => {
      if (view.byteLength >= at + 4) view.setUint32(at, view.getUint32(at, true) + count, true);
    };
    add(4, live.lost);
    add(8, live.frozen);
    live.lost = 0;
    live.frozen = 0;
  }

  /** What programs have not given back by now is ready. */
  refresh(): void {
    for (const { ring, event } of this.#live.values()) signal(event, ring.isReady);
  }

  /** 0 or a negative errno. */
  async make(task: KernelTask, file: OpenFile, request: RingRequest): Promise<number> {
    if (request.blocks === 0) {
      this.#endComing(file);
      return 0;
    }
    const wanted = this.#wanted.get(file) ?? usual;
    const wrong = this.#live.has(file) ? EINVAL : wrongIn(request, wanted.version, wanted.reserve);
    if (wrong < 0) return wrong;
    const told = await tellMore(task, file.fd);
    if (told < 0) return told;
    const sending = this.#sending.get(file);
    const memory = newMemory(bytesOf(request) + (sending?.ring.bytes ?? 0));
    if (typeof memory === 'number') return memory;
    const event = hostCall('eventfd2', 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) {
      hostCall('close', memory.fd);
      return event;
    }
    const own = new RingMemory(memory);
    if (sending) {
      sending.ring.move(own, bytesOf(request));
      this.#sending.set(file, { memory: own, ring: sending.ring });
      hostCall('close', sending.memory.fd);
    }
    this.#begin(file, own, event, { ...request, ...wanted });
    return 0;
  }

  #begin(file: OpenFile, memory: RingMemory, event: number, from: RingRequest & Wanted): void {
    const shape = { ...from, isCooked: file.type === SOCK_DGRAM };
    const ready = () => signal(event, true);
    const ring = from.version === SECOND ? new Frames(memory, shape, ready) : new Blocks(memory, shape, ready);
    const live: Live = {
      memory,
      ring,
      event,
      task: undefined,
      isOver: false,
      lost: 0,
      frozen: 0,
      bytes: bytesOf(from),
    };
    this.#live.set(file, live);
    void this.#pump(file, live);
  }

  async #pump(file: OpenFile, live: Live): Promise<void> {
    try {
      const task = await this.#needs.newTask();
      live.task = task;
      try {
        for (let hadRoom = true; !live.isOver; ) {
          const packet = await receive(task, file.fd);
          if (packet === 'ended') break;
          if (!packet || live.isOver) continue;
          const hasRoom = live.ring.put(packet);
          if (!hasRoom) live.lost++;
          if (hadRoom && !hasRoom) live.frozen++;
          hadRoom = hasRoom;
        }
      } finally {
        this.#needs.done(task);
      }
    } catch {
      // The kernel has ended, and all programs with it.
    }
  }

  closed(file: OpenFile): void {
    this.#endSending(file);
    this.#endComing(file);
  }

  #endComing(file: OpenFile): void {
    const live = this.#live.get(file);
    if (!live) return;
    this.#live.delete(file);
    live.isOver = true;
    live.ring.close();
    if (live.task) this.#needs.interrupt(live.task);
    hostCall('close', live.event);
    if (this.#sending.get(file)?.memory !== live.memory) hostCall('close', live.memory.fd);
  }

  close(): void {
    for (const file of [...this.#live.keys(), ...this.#sending.keys()]) this.closed(file);
  }
}

/** struct tpacket2_hdr and tpacket3_hdr. */
const secondFrame = { header: FRAME_HEADER, status: 0, length: 4, offset: 12 } as const;
const thirdFrame = { header: BLOCK_HEADER, status: 20, length: 16, offset: 24 } as const;

const bytesOf = ({ blockSize, blocks }: RingRequest): number => blockSize * blocks;

/** What Linux would not make is a negative errno, 0 what can be. */
function wrongIn(request: RingRequest, version: number, reserve: number): number {
  if (version !== SECOND && version !== THIRD) return EINVAL;
  const header = aligned(version === SECOND ? FRAME_HEADER : BLOCK_HEADER) + ADDRESS_BYTES + reserve;
  const { blockSize, blocks, frameSize, frames } = request;
  const perBlock = Math.floor(blockSize / frameSize);
  if (blockSize === 0 || blockSize % PAGE !== 0 || frameSize < header || frameSize % 16 !== 0) return EINVAL;
  if (version === THIRD && blockSize < beginOf(request) + header) return EINVAL;
  if (perBlock === 0 || perBlock * blocks !== frames) return EINVAL;
  return bytesOf(request) > MOST_BYTES ? negative('ENOMEM') : 0;
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
