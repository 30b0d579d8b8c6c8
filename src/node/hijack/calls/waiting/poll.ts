/** poll(2) and select(2) over descriptors of both kinds. */

import { type Ptr, plus } from '../../../../kernel/memory.ts';
import { hostCall } from '../../../native/calls.ts';
import { ADD, epollControl, newEpoll } from '../../host/events.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../../program/kernel-task.ts';
import { putTimespec, signalSet, timespecMs, waitFor, whenPending } from './waiting.ts';

const [POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL] = [1, 2, 4, 8, 0x10, 0x20] as const;
const [POLLRDNORM, POLLRDBAND, POLLWRNORM, POLLWRBAND] = [0x40, 0x80, 0x100, 0x200] as const;
const POLLFD = 8;
const EBADF = negative('EBADF');
const EINVAL = negative('EINVAL');

/** One descriptor that is waited for. */
interface Entry {
  readonly fd: number;
  readonly events: number;
  revents: number;
}

interface Ours {
  readonly entry: Entry;
  readonly kernelFd: number;
}
interface Hosts {
  readonly entry: Entry;
  readonly copy: number;
}
/** What of the machine's is waited for: copies of the program's descriptors, in an epoll instance for as long as that takes. */
class HostSide {
  readonly epoll = newEpoll();
  readonly #watched: readonly Hosts[];
  /** Of signalfd(2): who asks one is told of his own signals, so it cannot be asked for others. */
  readonly #signals: readonly Entry[];
  readonly #call: Call;

  constructor(call: Call, watched: readonly Hosts[], signals: readonly Entry[]) {
    this.#call = call;
    this.#watched = watched;
    this.#signals = signals;
    for (const [i, { entry, copy }] of watched.entries()) {
      // EPOLL* are POLL*. What cannot be in an epoll instance, a file, is ready at once: poll says so.
      epollControl(this.epoll, ADD, copy, entry.events, BigInt(i));
    }
  }

  /** How many are ready now. */
  now(): number {
    return this.#signalsNow() + this.#watchedNow();
  }

  #signalsNow(): number {
    if (this.#signals.length === 0) return 0;
    const pending = this.#call.thread.proc.pendingSignals;
    for (const entry of this.#signals) {
      const isReady = pending !== 0n && (pending & this.#maskOf(entry)) !== 0n;
      entry.revents = isReady ? entry.events & (POLLIN | POLLRDNORM) : 0;
    }
    return this.#signals.filter(({ revents }) => revents !== 0).length;
  }

  /** As it is now: signalfd(2) changes it. */
  #maskOf({ fd }: Entry): bigint {
    return this.#call.thread.proc.signalsOf(fd) ?? 0n;
  }

  /** Calls `then` when something may be ready. Answers how to stop that. */
  whenReady(then: () => void): () => void {
    const stops = [this.#call.around.whenReady(this.epoll, then)];
    for (const entry of this.#signals) stops.push(whenPending(this.#call, () => this.#maskOf(entry), then));
    return () => {
      for (const stop of stops) stop();
    };
  }

  #watchedNow(): number {
    if (this.#watched.length === 0) return 0;
    this.#call.around.rings.refresh();
    const view = new DataView(new ArrayBuffer(POLLFD * this.#watched.length));
    for (const [i, { entry, copy }] of this.#watched.entries()) {
      view.setInt32(POLLFD * i, copy, true);
      view.setUint16(POLLFD * i + 4, entry.events, true);
    }
    const none = new BigInt64Array(2);
    const ready = hostCall('ppoll', new Uint8Array(view.buffer), this.#watched.length, none, 0, 8);
    for (const [i, { entry }] of this.#watched.entries()) entry.revents = view.getUint16(POLLFD * i + 6, true);
    return Math.max(0, ready);
  }

  close(): void {
    for (const { copy } of this.#watched) hostCall('close', copy);
    hostCall('close', this.epoll);
  }
}

/** Whether the time of a wait is our kernel's, whatever is waited for. */
const isTimed = (call: Call, timeoutMs: number | undefined): boolean =>
  call.around.policy.keepsTime && timeoutMs !== undefined && timeoutMs > 0;

/** Sorts descriptors. Undefined: all are the machine's, which may make the call by itself. */
function sorted(
  call: Call,
  entries: readonly Entry[],
  timeoutMs: number | undefined,
): { readonly ours: Ours[]; readonly theirs: Entry[]; readonly bad: Entry[] } | undefined {
  const ours: Ours[] = [];
  const theirs: Entry[] = [];
  const bad: Entry[] = [];
  /** Something of them is our kernel's to tell of. */
  let isOurs = false;
  for (const entry of entries) {
    if (entry.fd < 0) continue;
    const file = call.around.fileOf(call.thread, entry.fd);
    if (file === 'none') bad.push(entry);
    else if (file === 'host') theirs.push(entry);
    else if (call.around.rings.of(file)) {
      theirs.push(entry);
      isOurs = true;
    } else {
      ours.push({ entry, kernelFd: file.fd });
      isOurs = true;
      if (file.epoll && file.epoll.count > 0) theirs.push(entry);
    }
  }
  return !isOurs && !isTimed(call, timeoutMs) ? undefined : { ours, theirs, bad };
}

interface Asked {
  readonly entries: readonly Entry[];
  readonly timeoutMs: number | undefined;
  readonly blocked: bigint | undefined;
  /** What a bad descriptor makes of the whole call (select), where it is no answer of its own (poll). */
  readonly bad?: number;
}

/** How many entries are ready, with `revents` in them; an errno; or the machine is to answer. */
async function poll(call: Call, { entries, timeoutMs, blocked, bad }: Asked): Promise<number | 'host'> {
  const found = sorted(call, entries, timeoutMs);
  if (!found) return 'host';
  if (found.bad.length > 0 && bad !== undefined) return bad;
  for (const entry of found.bad) entry.revents = POLLNVAL;
  const hosts: Hosts[] = [];
  const signals: Entry[] = [];
  for (const entry of found.theirs) {
    const file = call.around.fileOf(call.thread, entry.fd);
    if (typeof file !== 'object' && call.thread.proc.signalsOf(entry.fd) !== undefined) {
      signals.push(entry);
      continue;
    }
    const copy =
      typeof file === 'object'
        ? dup(call.around.rings.of(file)?.event ?? file.epoll?.fd ?? -1)
        : call.around.copyDescriptor(call.thread, entry.fd);
    if (copy >= 0) hosts.push({ entry, copy });
    else entry.revents = POLLNVAL;
  }
  const side = hosts.length + signals.length > 0 ? new HostSide(call, hosts, signals) : undefined;
  try {
    const task = await call.task();
    const { ours } = found;
    const room = POLLFD * ours.length;
    const woken = await task.withRoom(room, (at) =>
      waitFor(call, task, {
        kernel: (task, ms) => kernelPoll(task, at, ours, ms),
        host: side && ((then) => side.whenReady(then)),
        hostNow: () => side?.now() ?? 0,
        timeoutMs: found.bad.length > 0 ? 0 : timeoutMs,
        blocked,
      }),
    );
    if (typeof woken !== 'object') return woken;
    return entries.filter(({ fd, revents }) => fd >= 0 && revents !== 0).length;
  } finally {
    side?.close();
  }
}

const F_DUPFD_CLOEXEC = 1030;
const dup = (fd: number): number => hostCall('fcntl', fd, F_DUPFD_CLOEXEC, 3);

async function kernelPoll(
  task: KernelTask,
  at: Ptr,
  ours: readonly Ours[],
  timeoutMs: number | undefined,
): Promise<number> {
  for (const [i, { entry, kernelFd }] of ours.entries()) {
    task.memory.setU32(plus(at, POLLFD * i), kernelFd);
    task.memory.setU32(plus(at, POLLFD * i + 4), entry.events);
  }
  const ret = await task.call('ppoll_time64', at, ours.length, putTimespec(task, task.structs, timeoutMs), 0, 8);
  // An epoll instance may be ready by either half.
  if (ret >= 0) for (const [i, { entry }] of ours.entries()) entry.revents |= task.memory.u16(plus(at, POLLFD * i + 6));
  return ret;
}

const MOST_ENTRIES = (4 * DATA_BYTES) / POLLFD;

const polls =
  (timeoutOf: (call: Call) => number | undefined, maskOf: (call: Call) => bigint | undefined): Handler =>
  (call) => {
    const [at, count] = [call.size(0), call.uint(1)];
    if (count > MOST_ENTRIES) return 'host';
    const timeoutMs = timeoutOf(call);
    if (count === 0 && !isTimed(call, timeoutMs)) return 'host';
    const bytes = call.memory.read(at, POLLFD * count);
    const view = new DataView(bytes.buffer);
    const entries = Array.from({ length: count }, (_, i) => ({
      fd: view.getInt32(POLLFD * i, true),
      events: view.getUint16(POLLFD * i + 4, true),
      revents: 0,
    }));
    if (!sorted(call, entries, timeoutMs)) return 'host';
    if (timeoutMs !== undefined && timeoutMs < 0) return EINVAL;
    return poll(call, { entries, timeoutMs, blocked: maskOf(call) }).then((ready): Answer => {
      if (typeof ready !== 'number' || ready < 0) return ready;
      for (const [i, { revents }] of entries.entries()) view.setUint16(POLLFD * i + 6, revents, true);
      call.memory.write(at, bytes);
      return ready;
    });
  };

/** poll(2): milliseconds, below zero for ever. */
const milliseconds = (call: Call): number | undefined => (call.int(2) < 0 ? undefined : call.int(2));

/** By set: what is asked for, and what of an answer counts (fs/select.c). */
const sets = [
  { events: POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR, index: 1 },
  { events: POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR, index: 2 },
  { events: POLLPRI, index: 3 },
] as const;
const LARGEST = 65_536;

interface Times {
  timeoutMs(call: Call): number | undefined;
  /** The time that is left, where the call tells it. */
  giveLeft(call: Call, ms: number): void;
  blocked(call: Call): bigint | undefined;
}

const selects =
  ({ timeoutMs: timeoutOf, giveLeft, blocked }: Times): Handler =>
  (call) => {
    const count = call.int(0);
    if (count < 0 || count > LARGEST) return 'host';
    const timeoutMs = timeoutOf(call);
    if (count === 0 && !isTimed(call, timeoutMs)) return 'host';
    // Longs of 64 bits.
    const bytes = 8 * Math.ceil(count / 64);
    const asked = sets.map(({ index }) =>
      call.size(index) === 0 ? undefined : call.memory.read(call.size(index), bytes),
    );
    const entries: Entry[] = [];
    for (let fd = 0; fd < count; fd++) {
      let events = 0;
      for (const [i, set] of sets.entries()) if (((asked[i]?.[fd >> 3] ?? 0) >> (fd & 7)) & 1) events |= set.events;
      if (events !== 0) entries.push({ fd, events, revents: 0 });
    }
    if (!sorted(call, entries, timeoutMs)) return 'host';
    if (timeoutMs !== undefined && timeoutMs < 0) return EINVAL;
    const sinceMs = call.around.nowMs();
    return poll(call, { entries, timeoutMs, blocked: blocked(call), bad: EBADF }).then((ready): Answer => {
      if (timeoutMs !== undefined && ready !== 'host')
        giveLeft(call, Math.max(0, timeoutMs - (call.around.nowMs() - sinceMs)));
      if (typeof ready !== 'number' || ready < 0) return ready;
      let bits = 0;
      for (const [i, { events, index }] of sets.entries()) {
        const before = asked[i];
        if (!before) continue;
        const set = new Uint8Array(bytes);
        for (const { fd, revents } of entries) {
          if ((revents & events) === 0 || (((before[fd >> 3] ?? 0) >> (fd & 7)) & 1) === 0) continue;
          set[fd >> 3] = (set[fd >> 3] ?? 0) | (1 << (fd & 7));
          bits++;
        }
        call.memory.write(call.size(index), set);
      }
      return bits;
    });
  };

const inTwo = (call: Call, at: number, ms: number, unit: number): void => {
  const seconds = Math.floor(ms / 1e3);
  call.memory.write(
    at,
    new Uint8Array(BigInt64Array.of(BigInt(seconds), BigInt(Math.floor((ms - seconds * 1e3) * unit))).buffer),
  );
};

export const pollCalls = {
  poll: polls(milliseconds, () => undefined),
  ppoll: polls(
    (call) => timespecMs(call, call.size(2)),
    (call) => signalSet(call, call.size(3)),
  ),
  select: selects({
    timeoutMs(call) {
      const at = call.size(4);
      if (at === 0) return undefined;
      const view = call.memory.view(at, 16);
      const ms = Number(view.getBigInt64(0, true)) * 1e3 + Number(view.getBigInt64(8, true)) / 1e3;
      return ms;
    },
    giveLeft: (call, ms) => inTwo(call, call.size(4), ms, 1e3),
    blocked: () => undefined,
  }),
  pselect6: selects({
    timeoutMs: (call) => timespecMs(call, call.size(4)),
    giveLeft: (call, ms) => inTwo(call, call.size(4), ms, 1e6),
    // A pointer to a signal set, and how large it is.
    blocked(call) {
      const at = call.size(5);
      if (at === 0) return undefined;
      const view = call.memory.view(at, 8);
      return signalSet(call, view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32);
    },
  }),
} as const;
