/** The three files that a program begins with, and what goes through them. */

import { errnos } from '../../../abi/errno.ts';
import { AT_FDCWD, O_RDWR } from '../../../abi/uapi/fs.ts';
import type { HostedTask } from '../../hosted-task.ts';
import { must } from '../../kernel-error.ts';
import { plus } from '../../memory.ts';
import { openat, read, write } from '../../syscalls/file.ts';
import type { PlayedTask, UserTask } from '../../user-task.ts';

/** What a program reads: bytes one after another; undefined: its end. */
export type Source = () => Promise<Uint8Array | undefined> | Uint8Array | undefined;
/** What it writes: told in order, and waited for. The bytes are the sink's to keep. */
export type Sink = (bytes: Uint8Array) => void | Promise<void>;

/** What stands behind the three files, as the shepherd of a program has it. */
export interface Files {
  /** Where what the program reads is written to. */
  readonly input: number;
  /** What it writes is read from there; none of these blocks. */
  readonly outputs: readonly (readonly [fd: number, sink: Sink])[];
  /** In the program's task, before its exec: they are 0, 1 and 2. */
  become(child: HostedTask): Promise<void>;
  /** In the shepherd, when the program has them. */
  started(): Promise<void>;
  /** In the feeder: there is no more to read. */
  end(feeder: UserTask): Promise<void>;
}

const EAGAIN = -errnos.EAGAIN.number;
/** Of a terminal that nobody has open any more. */
const EIO = -errnos.EIO.number;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;
const LAST_FD = 0xffff_ffff;

/** No files but /dev/null as 0, 1 and 2: what is opened then is none of the three. */
export async function closeAll(task: UserTask): Promise<void> {
  must('close_range', await task.syscall('close_range', 0, LAST_FD, 0));
  for (let fd = 0; fd < 3; fd++) must('openat', await openat(task, AT_FDCWD, '/dev/null', O_RDWR), '/dev/null');
}

export async function dup(task: UserTask, from: number, to: number): Promise<void> {
  must('dup3', await task.syscall('dup3', from, to, 0));
}

export async function dontBlock(task: UserTask, fd: number): Promise<void> {
  must('fcntl64', await task.syscall('fcntl64', fd, F_SETFL, O_NONBLOCK));
}

/** All that is in there now goes to the sink. Answers whether more may come. */
export async function drain(task: PlayedTask, fd: number, sink: Sink): Promise<boolean> {
  const buffer = { at: task.scratch, bytes: task.scratchBytes };
  for (;;) {
    const got = await read(task, fd, buffer);
    if (got === EAGAIN) return true;
    if (got === EIO || must('read', got) === 0) return false;
    const told = sink(task.memory.copy(buffer.at, got));
    if (told) await task.waitForOutside(told);
  }
}

/** All that a source has goes there, until either ends. A pipe that nobody reads any more ends the task. */
export async function feed(task: PlayedTask, fd: number, source: Source): Promise<void> {
  for (;;) {
    const next = source();
    const bytes = next instanceof Promise ? await task.waitForOutside(next) : next;
    if (!bytes) return;
    for (let done = 0; done < bytes.length; ) {
      const piece = bytes.subarray(done, done + task.scratchBytes);
      task.memory.write(task.scratch, piece);
      const written = await write(task, fd, { at: task.scratch, bytes: piece.length }, piece.length);
      if (written === EAGAIN) await writable(task, fd);
      else done += must('write', written);
    }
  }
}

const POLLIN = 1;
const POLLOUT = 4;
/** struct pollfd. */
const POLLFD = { bytes: 8, events: 4, revents: 6 };

async function writable(task: UserTask, fd: number): Promise<void> {
  await poll(task, [fd], POLLOUT);
}

/** Which of these can be read, as soon as one can. */
export const readable = (task: UserTask, fds: readonly number[]): Promise<ReadonlySet<number>> =>
  poll(task, fds, POLLIN);

async function poll(task: UserTask, fds: readonly number[], events: number): Promise<ReadonlySet<number>> {
  const at = (i: number) => plus(task.scratch, POLLFD.bytes * i);
  for (const [i, fd] of fds.entries()) {
    task.memory.setU32(at(i), fd);
    task.memory.setU32(plus(at(i), POLLFD.events), events);
  }
  must('ppoll', await task.syscall('ppoll_time64', task.scratch, fds.length, 0, 0, 0));
  return new Set(fds.filter((_, i) => task.memory.u16(plus(at(i), POLLFD.revents)) !== 0));
}
