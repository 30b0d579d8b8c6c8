/** A pseudo terminal as a program's stdin, stdout and stderr: pty(7). */

import { errnos } from '../../../abi/errno.ts';
import { AT_FDCWD, O_CLOEXEC, O_RDWR } from '../../../abi/uapi/fs.ts';
import type { HostedTask } from '../../hosted-task.ts';
import { must } from '../../kernel-error.ts';
import { mkdirat } from '../../syscalls/dir.ts';
import { openat, write } from '../../syscalls/file.ts';
import { mount } from '../../syscalls/mount.ts';
import type { UserTask } from '../../user-task.ts';
import { dontBlock, dup, type Files, type Sink } from './stdio.ts';

/** In characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const O_NOCTTY = 0o400;
/** asm-generic/ioctls.h */
const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;
const TIOCSPTLCK = 0x4004_5431;
const TIOCGPTN = 0x8004_5430;
/** The end of input, as its line discipline has it unless it is told otherwise. */
const END_OF_TRANSMISSION = 4;

const DIRECTORY = '/dev/pts';
const MULTIPLEXER = `${DIRECTORY}/ptmx`;

async function openMultiplexer(task: UserTask): Promise<number> {
  const flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  const fd = await openat(task, AT_FDCWD, MULTIPLEXER, flags);
  if (fd !== -errnos.ENOENT.number) return must('openat', fd, MULTIPLEXER);
  const made = await mkdirat(task, AT_FDCWD, DIRECTORY, 0o755);
  if (made !== -errnos.EEXIST.number) must('mkdirat', made, DIRECTORY);
  must('mount', await mount(task, 'devpts', DIRECTORY, 'devpts', 0, 'mode=620,ptmxmode=666'), DIRECTORY);
  return must('openat', await openat(task, AT_FDCWD, MULTIPLEXER, flags), MULTIPLEXER);
}

async function setInt(task: UserTask, fd: number, request: number, value: number): Promise<void> {
  task.memory.setU32(task.scratch, value);
  must('ioctl', await task.syscall('ioctl', fd, request, task.scratch));
}

/** Tell a terminal its size: who runs in it hears of it by SIGWINCH. */
export async function setSize(task: UserTask, fd: number, { columns, rows }: TerminalSize): Promise<void> {
  // struct winsize: rows, columns, and two that nobody uses.
  task.memory.setU16(task.scratch, rows);
  task.memory.setU16((task.scratch + 2) as typeof task.scratch, columns);
  task.memory.setU32((task.scratch + 4) as typeof task.scratch, 0);
  must('ioctl', await task.syscall('ioctl', fd, TIOCSWINSZ, task.scratch));
}

/** In the shepherd: its side is the master. The program leads a session of its own, whose terminal this is. */
export async function terminalFiles(shepherd: HostedTask, size: TerminalSize, stdout: Sink): Promise<Files> {
  const master = await openMultiplexer(shepherd);
  await setInt(shepherd, master, TIOCSPTLCK, 0);
  must('ioctl', await shepherd.syscall('ioctl', master, TIOCGPTN, shepherd.scratch));
  const path = `${DIRECTORY}/${shepherd.memory.u32(shepherd.scratch)}`;
  await setSize(shepherd, master, size);
  await dontBlock(shepherd, master);
  return {
    input: master,
    outputs: [[master, stdout]],
    become: async (child) => {
      must('setsid', await child.syscall('setsid'));
      const fd = must('openat', await openat(child, AT_FDCWD, path, O_RDWR), path);
      must('ioctl', await child.syscall('ioctl', fd, TIOCSCTTY, 0));
      for (let to = 0; to < 3; to++) await dup(child, fd, to);
      if (fd > 2) must('close', await child.syscall('close', fd));
    },
    started: async () => {},
    end: async (feeder) => {
      feeder.memory.bytes[feeder.scratch] = END_OF_TRANSMISSION;
      await write(feeder, master, { at: feeder.scratch, bytes: 1 }, 1);
    },
  };
}
