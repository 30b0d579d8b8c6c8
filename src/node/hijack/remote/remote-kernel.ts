/** The kernel of a session of a Worker, as hijacking takes a kernel: each thread has a task that the session keeps. */

import { randomBytes } from 'node:crypto';
import type { HijackedKernel } from '../program/kernel.ts';
import { Mirror } from './mirror.ts';
import { FILE_BYTES, type Make, RemoteTask } from './remote-task.ts';
import { type RemoteCall, type RemoteResult, SessionSocket } from './session-socket.ts';

export interface RemoteKernelOptions {
  /** …/v1/sessions/{id}/socket, with ws: or wss: */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly memoryMib: number;
}

export interface RemoteKernel extends HijackedKernel {
  /** Its tasks end, and nobody speaks with the session any more. */
  close(): Promise<void>;
}

const FLAGS = ['CLONE_VM', 'CLONE_FS', 'CLONE_FILES'].join('|');
const [PROT, MAP] = ['PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS'] as const;
const INIT_BYTES = 128 * 1024;

/** Rejects with an `Error` where the session cannot be reached. */
export async function openRemoteKernel({ url, headers, memoryMib }: RemoteKernelOptions): Promise<RemoteKernel> {
  const lists = new Map<string, List>();
  const socket = await SessionSocket.open(url, headers, (task, result) => lists.get(task)?.add(result));
  const mirror = new Mirror();
  const group = randomBytes(6).toString('hex');
  const names = new Map<RemoteTask, string>();

  const byInit: Make = async (calls) => (await socket.ask({ calls })).results ?? [];
  const map = (bytes: number): RemoteCall => ({ call: 'mmap2', args: [0, bytes, PROT, MAP, -1, 0] });
  const [file, room] = await byInit([{ call: 'memfd_create', args: ['lkl-hijack', 'MFD_CLOEXEC'] }, map(INIT_BYTES)]);
  const fd = mustHave(file);
  let count = 0;
  const fileOf = () => ({ fd, at: FILE_BYTES * count++ });
  const init = new RemoteTask({ pid: 1, make: byInit, mirror, file: fileOf() });
  init.hasScratch(mustHave(room), INIT_BYTES);
  // Where names of network namespaces lie.
  await byInit([{ call: 'mkdirat', args: ['AT_FDCWD', '/run', 0o755] }]);

  async function spawn(_: undefined, _flags: number, scratchBytes: number): Promise<RemoteTask> {
    const own = fileOf();
    const name = `hijack-${group}-${own.at / FILE_BYTES}`;
    const list = new List(1);
    lists.set(name, list);
    const task = { flags: FLAGS, keep: true, calls: [map(scratchBytes)] };
    const answer = await socket.ask({ tasks: { [name]: task } });
    const [mapped] = await list.whole;
    const make: Make = async (calls) => {
      const results = new List(calls.length);
      lists.set(name, results);
      const { tasks } = await socket.ask({ tasks: { [name]: { wait: false, calls } } });
      const failed = tasks?.[name]?.failed;
      if (failed !== undefined) results.fail(new Error(failed));
      return results.whole;
    };
    const made = new RemoteTask({ pid: answer.tasks?.[name]?.pid ?? 0, make, mirror, file: own });
    made.hasScratch(mustHave(mapped), scratchBytes);
    names.set(made, name);
    return made;
  }

  socket.onDeath((dead) => {
    for (const list of lists.values()) list.fail(dead);
  });
  const nameOf = (task: object) => names.get(task as RemoteTask) ?? '';
  return {
    init,
    spawn,
    engine: {
      memoryLimit: memoryMib * 2 ** 20,
      clock: { policy: 'wall', nowNs: 0 },
      interrupt: (task) =>
        void socket.ask({ tasks: { [nameOf(task)]: { wait: false, interrupt: true } } }).catch(() => {}),
      yields() {},
      holdTime() {},
      pass: () => Promise.resolve(),
      onDeath: (then) => socket.onDeath(then),
    },
    async close() {
      await init.rest();
      const tidied: Promise<unknown>[] = [];
      for (const [task, name] of names) {
        if (task.gone) continue;
        // Memory is all tasks' there: it would stay.
        const calls = [{ call: 'munmap', args: [task.scratch, task.scratchBytes] }];
        const end = { wait: false, keep: false, interrupt: task.inCall, calls };
        tidied.push(socket.ask({ tasks: { [name]: end } }));
      }
      const calls = [
        { call: 'close', args: [fd] },
        { call: 'munmap', args: [init.scratch, INIT_BYTES] },
      ];
      tidied.push(socket.ask({ calls }));
      await Promise.allSettled(tidied);
      socket.close();
    },
  };
}

/** Results of a list of calls, as they come. */
class List {
  readonly #results: RemoteResult[] = [];
  readonly #count: number;
  readonly #whole = Promise.withResolvers<readonly RemoteResult[]>();

  constructor(count: number) {
    this.#count = count;
  }

  get whole(): Promise<readonly RemoteResult[]> {
    return this.#whole.promise;
  }

  fail(cause: Error): void {
    this.#whole.promise.catch(() => {}); // nobody may wait by now
    this.#whole.reject(cause);
  }

  add(result: RemoteResult): void {
    this.#results.push(result);
    if (this.#results.length === this.#count || result.ret === null) this.#whole.resolve(this.#results);
  }
}

function mustHave(result: RemoteResult | undefined): number {
  const ret = result?.ret ?? -1;
  if (ret < 0 && ret >= -4095) throw new Error(`the session has no room for programs: errno ${-ret}`);
  return ret >>> 0;
}
