/** The processes and threads whose calls come: made when the first one comes, and gone when they have ended. */

import { errnos } from '../../../abi/errno.ts';
import { hostCall } from '../../native/calls.ts';
import { type Events, IN } from '../host/events.ts';
import type { Answer } from './answer.ts';
import type { KernelTasks } from './kernel-task.ts';
import { ThreadProc } from './proc.ts';
import { Thread } from './thread.ts';

/** Processes between that have not called. */
const MOST_GENERATIONS = 8;

interface Process {
  readonly tgid: number;
  /** pidfd_open(2): readable when it has ended. */
  readonly pidfd: number;
  readonly watch: number;
  readonly threads: Set<Thread>;
}

export interface ProcessesHeard {
  /** Told of answers that nobody will ask for again. */
  readonly unheard: (answers: readonly Answer[]) => void;
  /** Of processes, when the first of their calls has come. */
  readonly came: (tgid: number) => void;
  /** And when they have ended. */
  readonly gone: (tgid: number) => void;
}

export class Processes {
  readonly #events: Events;
  readonly #tasks: KernelTasks;
  readonly #heard: ProcessesHeard;
  readonly #processes = new Map<number, Process>();
  readonly #threads = new Map<number, Thread>();

  constructor(events: Events, tasks: KernelTasks, heard: ProcessesHeard) {
    this.#events = events;
    this.#tasks = tasks;
    this.#heard = heard;
  }

  /** Of all that have not ended. */
  get numbers(): readonly number[] {
    return [...this.#processes.keys()];
  }

  /** All threads, and whether each waits in our kernel. */
  *waits(): Generator<{ readonly tid: number; readonly isWaiting: boolean }> {
    for (const { tid, current } of this.#threads.values()) yield { tid, isWaiting: current !== undefined };
  }

  has(thread: Thread): boolean {
    return this.#threads.get(thread.tid) === thread;
  }

  /** The thread that plays for a process, its first one if it is there. */
  threadOf(pid: number): Thread | undefined {
    const process = this.#processes.get(pid);
    return this.#threads.get(pid) ?? (process && [...process.threads][0]);
  }

  /** The thread with this number; undefined: it is gone already. */
  thread(tid: number): Thread | undefined {
    return this.#threads.get(tid) ?? this.#make(tid);
  }

  #make(tid: number): Thread | undefined {
    const family = new ThreadProc(tid).family;
    if (!family) return undefined;
    const process = this.#processes.get(family.tgid) ?? this.#makeProcess(family.tgid);
    if (!process) return undefined;
    // Another thread of its own, or whoever made it.
    const parent = [...process.threads][0]?.heritage ?? this.#ancestor(family.ppid)?.heritage;
    const thread = new Thread(tid, family.tgid, this.#tasks, parent);
    this.#threads.set(tid, thread);
    process.threads.add(thread);
    // Who made it may be gone, and his namespace with him, before it makes a call that needs one.
    if (parent?.apart) Promise.resolve(thread.kernelTask()).catch(() => {});
    return thread;
  }

  /** The nearest that has called. */
  #ancestor(pid: number): Thread | undefined {
    for (let one: number | undefined = pid, far = 0; one && far < MOST_GENERATIONS; far++) {
      const thread = this.threadOf(one);
      if (thread) return thread;
      one = new ThreadProc(one).family?.ppid;
    }
    return undefined;
  }

  #makeProcess(tgid: number): Process | undefined {
    const pidfd = hostCall('pidfd_open', tgid, 0);
    if (pidfd < 0) return undefined;
    const threads = new Set<Thread>();
    const watch = this.#events.add(pidfd, IN, () => {
      this.#events.remove(watch, pidfd);
      hostCall('close', pidfd);
      this.#processes.delete(tgid);
      this.#heard.gone(tgid);
      for (const thread of threads) this.ended(thread);
    });
    const process = { tgid, pidfd, watch, threads };
    this.#processes.set(tgid, process);
    this.#heard.came(tgid);
    return process;
  }

  ended(thread: Thread): void {
    this.#processes.get(thread.tgid)?.threads.delete(thread);
    if (this.#threads.get(thread.tid) === thread) this.#threads.delete(thread.tid);
    this.#heard.unheard(thread.end());
  }

  /** A copy of a descriptor of the program's; a negative errno. */
  copyDescriptor(thread: Thread, fd: number): number {
    const pidfd = this.#processes.get(thread.tgid)?.pidfd;
    return pidfd === undefined ? -errnos.ESRCH.number : hostCall('pidfd_getfd', pidfd, fd, 0);
  }

  /** The inode of a socket that any process has. */
  inodeOf(pid: number, fd: number): number | undefined {
    const proc = new ThreadProc(pid);
    try {
      const found = proc.descriptor(fd);
      return typeof found === 'number' ? found : undefined;
    } finally {
      proc.close();
    }
  }
}
