/**
 * Signals about files (F_SETOWN, O_ASYNC; fcntl(2), socket(7)): our kernel knows no process of the machine, so a task of its own hears by edges what
 * happens to such files, and the signals are sent from here: SIGIO, or what F_SETSIG says, and SIGURG.
 */

import { readFileSync } from 'node:fs';
import { plus } from '../../../kernel/memory.ts';
import { hostCall } from '../../native/calls.ts';
import { ADD, DEL, MOD } from '../host/events.ts';
import type { KernelTask } from '../program/kernel-task.ts';
import type { OpenFile } from './open-files.ts';

/** F_OWNER_* of fcntl(2). */
export const [OWNER_TID, OWNER_PID, OWNER_PGRP] = [0, 1, 2] as const;
const [SIGURG, SIGIO] = [23, 29] as const;
const [POLLIN, POLLPRI, POLLOUT] = [1, 2, 4] as const;
const EPOLLET = 0x8000_0000;
/** struct epoll_event of our kernel: events, and at 8 the file's descriptor. */
const EVENT_BYTES = 16;
const MOST = 64;
/** Of a thread's own structs: an event, and a struct pollfd. */
const [EVENT_AT, POLL_AT] = [64, 96] as const;
/** struct siginfo: signo, errno, code, then at 16 the band and at 24 the descriptor. Only the kernel may say POLL_IN in `code`. */
const SIGINFO_BYTES = 128;
const SI_SIGIO = -5;

export interface Owner {
  readonly type: number;
  /** 0: nobody. */
  readonly id: number;
}

interface Owned {
  owner: Owner;
  /** F_SETSIG; 0: SIGIO without a word about what it is for. */
  signal: number;
  /** The program's number of it. */
  number: number;
  isAsync: boolean;
  /** What it is heard for; 0: it is not. */
  events: number;
  /** What is so already is told first, by edges too: that is no news. */
  isFresh: boolean;
}

export interface OwnersNeeds {
  newTask(): Promise<KernelTask>;
  /** Processes that may be told, by their numbers: those of the programs here. */
  processes(): readonly number[];
}

const nobody: Owner = { type: OWNER_PID, id: 0 };

export class Owners {
  readonly #needs: OwnersNeeds;
  /** By descriptor in our kernel. */
  readonly #owned = new Map<number, Owned>();
  #epoll: Promise<number> | undefined;

  constructor(needs: OwnersNeeds) {
    this.#needs = needs;
  }

  ownerOf(file: OpenFile): Owner {
    return this.#owned.get(file.fd)?.owner ?? nobody;
  }

  signalOf(file: OpenFile): number {
    return this.#owned.get(file.fd)?.signal ?? 0;
  }

  /** Whether there is somebody of this number. */
  exists({ type, id }: Owner): boolean {
    return id === 0 || this.#told({ type, id }).length > 0;
  }

  /** `task` is the caller's. 0, or a negative errno. */
  change(
    task: KernelTask,
    file: OpenFile,
    changes: { readonly owner?: Owner; readonly signal?: number; readonly isAsync?: boolean; readonly number?: number },
  ): Promise<number> | number {
    const owned = this.#owned.get(file.fd) ?? {
      owner: nobody,
      signal: 0,
      number: -1,
      isAsync: false,
      events: 0,
      isFresh: false,
    };
    this.#owned.set(file.fd, Object.assign(owned, changes));
    const wanted =
      owned.owner.id === 0 ? 0 : POLLPRI | (owned.isAsync && file.family !== undefined ? POLLIN | POLLOUT : 0);
    return wanted === owned.events ? 0 : this.#hear(task, file.fd, owned, wanted);
  }

  closed(file: OpenFile): void {
    this.#owned.delete(file.fd);
  }

  async #hear(task: KernelTask, fd: number, owned: Owned, wanted: number): Promise<number> {
    this.#epoll ??= this.#begin();
    const epoll = await this.#epoll;
    const { memory, structs } = task;
    const [event, poll] = [plus(structs, EVENT_AT), plus(structs, POLL_AT)];
    memory.setU32(poll, fd);
    memory.setU32(plus(poll, 4), wanted);
    memory.setU64(structs, 0n);
    memory.setU64(plus(structs, 8), 0n);
    owned.isFresh = wanted !== 0 && (await task.call('ppoll_time64', poll, 1, structs, 0, 8)) > 0;
    memory.setU32(event, (wanted | EPOLLET) >>> 0);
    memory.setU64(plus(event, 8), BigInt(fd));
    const ret = await task.call('epoll_ctl', epoll, wanted === 0 ? DEL : owned.events === 0 ? ADD : MOD, fd, event);
    if (ret === 0) owned.events = wanted;
    return ret;
  }

  async #begin(): Promise<number> {
    const task = await this.#needs.newTask();
    const epoll = await task.call('epoll_create1', 0);
    const hear = async () => {
      for (;;) {
        const count = await task.call('epoll_pwait', epoll, task.data, MOST, -1, 0, 8);
        for (let i = 0; i < count; i++) {
          const at = plus(task.data, EVENT_BYTES * i);
          this.#happened(task.memory.u32(plus(at, 8)), task.memory.u32(at));
        }
      }
    };
    hear().catch(() => {}); // our kernel has ended
    return epoll;
  }

  #happened(fd: number, events: number): void {
    const owned = this.#owned.get(fd);
    if (!owned) return;
    if (owned.isFresh) {
      owned.isFresh = false;
      return;
    }
    if (events & POLLPRI) this.#send(owned.owner, SIGURG, undefined);
    if (owned.isAsync && events & ~POLLPRI)
      this.#send(owned.owner, owned.signal || SIGIO, owned.signal === 0 ? undefined : { ...owned, band: events });
  }

  #send(owner: Owner, signal: number, about: { readonly number: number; readonly band: number } | undefined): void {
    for (const [tgid, tid] of this.#told(owner)) {
      if (!about) {
        if (tid === undefined) hostCall('kill', tgid, signal);
        else hostCall('tgkill', tgid, tid, signal);
        continue;
      }
      const info = new DataView(new ArrayBuffer(SIGINFO_BYTES));
      info.setInt32(0, signal, true);
      info.setInt32(8, SI_SIGIO, true);
      info.setBigInt64(16, BigInt(about.band), true);
      info.setInt32(24, about.number, true);
      const bytes = new Uint8Array(info.buffer);
      if (tid === undefined) hostCall('rt_sigqueueinfo', tgid, signal, bytes);
      else hostCall('rt_tgsigqueueinfo', tgid, tid, signal, bytes);
    }
  }

  /** Processes, and threads of them, that are meant; none but of the programs here, whoever this process may send signals to. */
  #told({ type, id }: Owner): readonly (readonly [tgid: number, tid?: number])[] {
    const processes = this.#needs.processes();
    if (type === OWNER_PID) return processes.includes(id) ? [[id]] : [];
    if (type === OWNER_PGRP) return processes.filter((pid) => groupOf(pid) === id).map((pid) => [pid] as const);
    const tgid = tgidOf(id);
    return tgid !== undefined && processes.includes(tgid) ? [[tgid, id]] : [];
  }
}

function groupOf(pid: number): number | undefined {
  const [, , group] =
    read(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ') ?? [];
  return group === undefined ? undefined : Number(group);
}

function tgidOf(tid: number): number | undefined {
  const [, tgid] = /^Tgid:\s*(\d+)$/m.exec(read(`/proc/${tid}/status`) ?? '') ?? [];
  return tgid === undefined ? undefined : Number(tgid);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // it has ended
  }
}
