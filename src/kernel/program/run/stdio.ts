/** The three files that a program begins with, as pipes, and what goes through them. */

import { errnos } from '../../../abi/errno.ts';
import { AT_FDCWD, O_CLOEXEC, O_RDWR } from '../../../abi/uapi/fs.ts';
import { must } from '../../kernel-error.ts';
import { plus } from '../../memory.ts';
import { close, openat, read, write } from '../../syscalls/file.ts';
import type { PlayedTask, UserTask } from '../../user-task.ts';

/** What a program reads: bytes one after another; undefined: its end. */
export type Source = () => Promise<Uint8Array | undefined> | Uint8Array | undefined;
/** What it writes: told in order, and waited for. The bytes are the sink's to keep. */
export type Sink = (bytes: Uint8Array) => void | Promise<void>;

export interface Pipe {
  readonly read: number;
  readonly write: number;
}

const EAGAIN = -errnos.EAGAIN.number;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;
const LAST_FD = 0xffff_ffff;

/** No files but /dev/null as 0, 1 and 2: what is opened then is none of the three. */
export async function closeAll(task: UserTask): Promise<void> {
  must('close_range', await task.syscall('close_range', 0, LAST_FD, 0));
  for (let fd = 0; fd < 3; fd++) must('openat', await openat(task, AT_FDCWD, '/dev/null', O_RDWR), '/dev/null');
}

export async function pipe(task: UserTask): Promise<Pipe> {
  must('pipe2', await task.syscall('pipe2', task.scratch, O_CLOEXEC));
  return { read: task.memory.i32(task.scratch), write: task.memory.i32(plus(task.scratch, 4)) };
}

export async function dup(task: UserTask, from: number, to: number): Promise<void> {
  must('dup3', await task.syscall('dup3', from, to, 0));
}

export async function dontBlock(task: UserTask, fd: number): Promise<void> {
  must('fcntl64', await task.syscall('fcntl64', fd, F_SETFL, O_NONBLOCK));
}

/** All that is in a pipe now goes to the sink. Answers whether more may come. */
export async function drain(task: PlayedTask, fd: number, sink: Sink): Promise<boolean> {
  const buffer = { at: task.scratch, bytes: task.scratchBytes };
  for (;;) {
    const got = await read(task, fd, buffer);
    if (got === EAGAIN) return true;
    if (must('read', got) === 0) return false;
    const told = sink(task.memory.copy(buffer.at, got));
    if (told) await task.waitFor(told);
  }
}

/** All that a source has goes into a pipe, until either ends. A pipe that nobody reads any more ends the task. */
export async function feed(task: PlayedTask, fd: number, source: Source): Promise<void> {
  for (;;) {
    const next = source();
    const bytes = next instanceof Promise ? await task.waitFor(next) : next;
    if (!bytes) break;
    for (let done = 0; done < bytes.length; ) {
      const piece = bytes.subarray(done, done + task.scratchBytes);
      task.memory.write(task.scratch, piece);
      done += must('write', await write(task, fd, { at: task.scratch, bytes: piece.length }, piece.length));
    }
  }
  await close(task, fd);
}
