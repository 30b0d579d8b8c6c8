/** Three pipes as a program's stdin, stdout and stderr. */

import { O_CLOEXEC } from '../../../abi/uapi/fs.ts';
import type { HostedTask } from '../../hosted-task.ts';
import { must } from '../../kernel-error.ts';
import { plus } from '../../memory.ts';
import { close } from '../../syscalls/file.ts';
import type { UserTask } from '../../user-task.ts';
import { dontBlock, dup, type Files, type Sink } from './stdio.ts';

interface Pipe {
  readonly read: number;
  readonly write: number;
}

async function pipe(task: UserTask): Promise<Pipe> {
  must('pipe2', await task.syscall('pipe2', task.scratch, O_CLOEXEC));
  return { read: task.memory.i32(task.scratch), write: task.memory.i32(plus(task.scratch, 4)) };
}

/** In the shepherd, which has no others. */
export async function pipeFiles(shepherd: HostedTask, stdout: Sink, stderr: Sink): Promise<Files> {
  const [input, output, errors] = [await pipe(shepherd), await pipe(shepherd), await pipe(shepherd)];
  for (const { read } of [output, errors]) await dontBlock(shepherd, read);
  return {
    input: input.write,
    outputs: [
      [output.read, stdout],
      [errors.read, stderr],
    ],
    become: async (child) => {
      for (const [to, fd] of [input.read, output.write, errors.write].entries()) await dup(child, fd, to);
    },
    started: async () => {
      for (const fd of [input.read, output.write, errors.write]) await close(shepherd, fd);
    },
    // Nobody else can write into it: that the last writer is gone is its end.
    end: (feeder) => close(feeder, input.write).then(() => {}),
  };
}
