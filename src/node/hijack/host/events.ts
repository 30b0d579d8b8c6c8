/** One epoll instance for all descriptors that this process waits for, heard in the event loop and asked in between. */

import { hostCall, module, mustCall } from '../../native/calls.ts';
import { READABLE } from '../../native/native.ts';

export const [IN, OUT, ERR, HUP] = [0x1, 0x4, 0x8, 0x10] as const;
export const ONESHOT = 0x4000_0000;
const O_CLOEXEC = 0o2000000;
export const [ADD, DEL, MOD] = [1, 2, 3] as const;
const MOST = 64;
/** As many as a process may have that others have to wait for: what is ready and stays so is no reason to go on. */
const BOUND = 64 * MOST;

/** struct epoll_event is packed on x86-64 alone. */
const isPacked = process.arch === 'x64';
export const EVENT_BYTES = isPacked ? 12 : 16;
const DATA = isPacked ? 4 : 8;

export const newEpoll = (): number => mustCall('epoll_create1', O_CLOEXEC);

const event = new DataView(new ArrayBuffer(16));
const eventBytes = new Uint8Array(event.buffer);

/** epoll_ctl(2): 0 or a negative errno. */
export function epollControl(epoll: number, op: number, fd: number, events: number, data: bigint): number {
  event.setUint32(0, events >>> 0, true);
  event.setBigUint64(DATA, data, true);
  return hostCall('epoll_ctl', epoll, op, fd, eventBytes);
}

export interface ReadyEvent {
  readonly events: number;
  readonly data: bigint;
}

/** What is ready now, at most so many. */
export function epollNow(epoll: number, most: number): readonly ReadyEvent[] {
  const view = new DataView(new ArrayBuffer(most * EVENT_BYTES));
  const count = hostCall('epoll_pwait', epoll, new Uint8Array(view.buffer), most, 0, 0, 8);
  return Array.from({ length: Math.max(0, count) }, (_, i) => ({
    events: view.getUint32(i * EVENT_BYTES, true),
    data: view.getBigUint64(i * EVENT_BYTES + DATA, true),
  }));
}

/** Shorter than the way through the event loop: who was just answered mostly calls again. */
const MOMENT_NS = 20_000n;
const moment = BigInt64Array.of(0n, MOMENT_NS);

export class Events {
  readonly #epoll = newEpoll();
  readonly #storage = new Uint8Array(module().watchBytes());
  readonly #then = new Map<number, (events: number) => void>();
  readonly #view = new DataView(new ArrayBuffer(MOST * EVENT_BYTES));
  readonly #bytes = new Uint8Array(this.#view.buffer);
  #next = 1;
  #last = 0;
  #over = false;

  /** `ready` is called in the event loop when there is something: it is to call `take`. */
  constructor(ready: () => void) {
    module().watch(this.#storage, this.#epoll, ready);
    module().arm(this.#storage, READABLE);
  }

  /** Call `then` whenever one of `events` (EPOLL*) is there. Answers by what number it is forgotten. */
  add(fd: number, events: number, then: (events: number) => void): number {
    const number = this.#next++;
    const ret = epollControl(this.#epoll, ADD, fd, events, BigInt(number));
    if (ret < 0) throw new Error(`epoll_ctl: errno ${-ret}`);
    this.#then.set(number, then);
    return number;
  }

  remove(number: number, fd: number): void {
    if (!this.#then.delete(number)) return;
    epollControl(this.#epoll, DEL, fd, 0, 0n);
  }

  /**
   * The same of the descriptor that comes last: whatever else is there when it is ready, is told first. The kernel lists what is ready in no such
   * order, and what has ended must be known before the next call is looked at.
   */
  addLast(fd: number, events: number, then: (events: number) => void): void {
    this.#last = this.add(fd, events, then);
  }

  /** Calls those whose events are there now, or come within `MOMENT_NS` when told to wait. Answers how many that were. */
  take(wait = false): number {
    const { taken, last } = this.#takeOthers(wait);
    if (last !== undefined) this.#then.get(this.#last)?.(last);
    return taken;
  }

  /** Calls all but the last descriptor's, and answers the events of that one, if there are any. */
  takeOthers(): number | undefined {
    return this.#takeOthers(false).last;
  }

  #takeOthers(wait: boolean): { readonly taken: number; readonly last: number | undefined } {
    let taken = 0;
    let last: number | undefined;
    for (let count = this.#ready(wait); count > 0; count = count === MOST && taken < BOUND ? this.#ready(false) : 0) {
      taken += count;
      const ready = Array.from({ length: count }, (_, i) => {
        const at = i * EVENT_BYTES;
        return [this.#view.getUint32(at + DATA, true), this.#view.getUint32(at, true)] as const;
      });
      for (const [number, events] of ready) {
        if (number === this.#last) last = events;
        else this.#then.get(number)?.(events);
      }
    }
    return { taken, last };
  }

  /** How many are ready, in `#view`. */
  #ready(wait: boolean): number {
    if (this.#over) return 0;
    return wait
      ? hostCall('epoll_pwait2', this.#epoll, this.#bytes, MOST, moment, 0, 8)
      : hostCall('epoll_pwait', this.#epoll, this.#bytes, MOST, 0, 0, 8);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    module().unwatch(this.#storage);
    hostCall('close', this.#epoll);
  }
}
