/** Pipes and event counters of our kernel, where all that is between programs is its. */

import { plus } from '../../../../kernel/memory.ts';
import type { FileFacts } from '../../files/open-files.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { O_CLOEXEC, toOurs } from './open-flags.ts';

/** Two descriptors, placed while the call goes on. Answers 0, with their numbers where the program wants them, or an errno. */
export function placePair(call: Call, files: readonly FileFacts[], cloexec: boolean, at: number): number {
  const numbers = files.map((file) => call.around.place(call, file, cloexec));
  const failed = numbers.find((number) => number < 0);
  if (failed !== undefined) return failed;
  call.memory.write(at, new Uint8Array(Int32Array.from(numbers).buffer));
  return 0;
}

const pipe =
  (flagsOf: (call: Call) => number): Handler =>
  async (call) => {
    const flags = flagsOf(call);
    const task = await call.task();
    const ret = await task.call('pipe2', task.structs, toOurs(flags) & ~O_CLOEXEC);
    if (ret < 0) return ret;
    const ends = [task.memory.i32(task.structs), task.memory.i32(plus(task.structs, 4))];
    const files = ends.map((fd) => ({ fd, isPipe: true }));
    return placePair(call, files, (flags & O_CLOEXEC) !== 0, call.size(0));
  };

const eventfd =
  (flagsOf: (call: Call) => number): Handler =>
  async (call): Promise<Answer> => {
    const flags = flagsOf(call);
    const task = await call.task();
    const fd = await task.call('eventfd2', call.uint(0), flags & ~O_CLOEXEC);
    return fd < 0 ? fd : { opened: { fd }, cloexec: (flags & O_CLOEXEC) !== 0 };
  };

export const pipeCalls = {
  pipe: pipe(() => 0),
  pipe2: pipe((call) => call.int(1)),
  eventfd: eventfd(() => 0),
  eventfd2: eventfd((call) => call.int(1)),
} as const satisfies Record<string, Handler>;
