/** A handler for calls whose first argument is a descriptor: the machine's kernel answers where it is none of ours. */

import type { OpenFile } from '../files/open-files.ts';
import type { Answer } from '../program/answer.ts';
import type { Call, Handler } from '../program/call.ts';
import type { KernelTask } from '../program/kernel-task.ts';

export const onFile =
  (work: (call: Call, task: KernelTask, file: OpenFile) => Promise<Answer>): Handler =>
  (call) => {
    const file = call.file(0);
    if (!file) return 'host';
    const task = call.task();
    return task instanceof Promise ? task.then((ready) => work(call, ready, file)) : work(call, task, file);
  };

/** Some calls go on with what the machine does, by a value of an argument. */
export const unless =
  (isHosts: (call: Call) => boolean, handler: Handler): Handler =>
  (call) =>
    isHosts(call) ? 'host' : handler(call);
