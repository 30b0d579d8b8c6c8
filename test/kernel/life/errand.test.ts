/** What the host does in a session's kernel is done whatever programs have set, or given up when one never lets it get on: the kernel lives on. */

import { expect, it } from 'vitest';
import { type SyscallName, syscalls } from '../../../src/abi/syscalls.ts';
import { AT_FDCWD, O_CREAT } from '../../../src/abi/uapi/fs.ts';
import { concat } from '../../../src/bytes/concat.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { freshMachine, restore } from '../../../src/kernel/snapshot/snapshot.ts';
import { openat } from '../../../src/kernel/syscalls/file.ts';
import { mount } from '../../../src/kernel/syscalls/mount.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { openPath } from '../../../src/tree/files.ts';
import { saveFile } from '../../../src/tree/save-file.ts';
import { errand } from '../../../src/worker/session/object/errand.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { kernelModule, snapshot } from '../restored.ts';

const kernelOf = (clock: 'virtual' | 'wall') =>
  restore(freshMachine(kernelModule, snapshot, 24), snapshot, { host: nodeHost, memoryMib: 24, clock });

/** Timers that fire when they are asked to. */
function byHand() {
  const timers = new Map<() => void, number>();
  const timer = (ms: number, fire: () => void) => {
    timers.set(fire, ms);
    return () => void timers.delete(fire);
  };
  /** The shortest. */
  const fire = () => {
    const [[next] = []] = [...timers].toSorted(([, a], [, b]) => a - b);
    if (next) timers.delete(next);
    next?.();
  };
  return { host: { timer }, fire };
}

const bytes = (text: string) => new TextEncoder().encode(text);
/** What a client gets of a file. */
const read = (kernel: Kernel, host: Parameters<typeof errand>[1], path = 'proc/version') =>
  errand(kernel, host, async (task) => {
    const opened = await openPath(task, '/', bytes(path));
    const pieces: Uint8Array[] = [];
    if (opened.type === 'file') await opened.readAll((chunk) => void pieces.push(chunk));
    await opened.close();
    return new TextDecoder().decode(concat(pieces));
  });
const tasksOf = ({ engine }: Kernel) => engine.tasks.length;

const ADD_MOUNT = 1 | 16;
const OPEN_PERM = 0x10000;
const CLASS_CONTENT = 4;

/** From now on whoever opens a file waits for an answer, which nobody gives; answers the descriptor to be closed. */
async function silentWatch({ init }: Kernel): Promise<number> {
  await init.syscall('close', must('openat', await openat(init, AT_FDCWD, '/file', O_CREAT, 0o600)));
  const fd = must('fanotify_init', await init.syscall('fanotify_init', CLASS_CONTENT, 0));
  init.memory.writeCstring(init.scratch, bytes('/'));
  must('fanotify_mark', await init.syscall('fanotify_mark', fd, ADD_MOUNT, OPEN_PERM, AT_FDCWD, init.scratch));
  return fd;
}

it('it leaves no task, no file and no limit behind, and has limits of its own', async () => {
  const kernel = kernelOf('virtual');
  const { init } = kernel;
  const before = tasksOf(kernel);
  init.memory.write(init.scratch, new Uint8Array(16));
  must('prlimit64', await init.syscall('prlimit64', 0, 7, init.scratch, 0));
  expect(await read(kernel, nodeHost)).toMatch(/^Linux version 6\./);
  expect(await init.syscall('wait4', -1, 0, 0x4000_0001, 0)).toBe(-10); // ECHILD
  expect(tasksOf(kernel)).toBe(before);
  expect(await openat(init, AT_FDCWD, '/proc/version', 0)).toBe(-24); // EMFILE: a program may open none yet
  kernel.kill();
});

it('is no first child of a pid namespace that programs are to be in', async () => {
  const kernel = kernelOf('virtual');
  must('unshare', await kernel.init.syscall('unshare', 0x2000_0000));
  expect(await read(kernel, nodeHost)).toMatch(/^Linux version 6\./);
  const child = await kernel.spawn();
  expect(await child.syscall('getpid')).toBe(1);
  kernel.kill();
});

it('what nobody answers is given up after two looks that find the same call', async () => {
  const kernel = kernelOf('wall');
  const { host, fire } = byHand();
  const watch = await silentWatch(kernel);
  const before = tasksOf(kernel);
  const asked = read(kernel, host, 'file');
  asked.catch(() => {});
  while (!kernel.engine.tasks.some((task) => task.runningCall?.startsWith('open'))) await nodeHost.turn();
  fire();
  fire();
  await expect(asked).rejects.toMatchObject({ kind: 'program-prevents', message: expect.stringMatching(/^open/) });
  while (tasksOf(kernel) > before) await nodeHost.turn();
  await kernel.init.syscall('close', watch);
  expect(await read(kernel, nodeHost, 'file')).toBe('');
  expect(await kernel.init.syscall('wait4', -1, 0, 0x4000_0001, 0)).toBe(-10);
  kernel.kill();
});

const NEW_LISTENER = 8;
/** Classic BPF: BPF_LD|BPF_W|BPF_ABS of the call's number, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K. */
const [LOAD, EQUAL, RETURN] = [0x20, 0x15, 0x06];
const [USER_NOTIF, ALLOW] = [0x7fc0_0000, 0x7fff_0000];

/** From now on who makes this call waits for somebody to decide, who does not. */
async function undecided({ init }: Kernel, call: SyscallName): Promise<void> {
  const steps = [
    [LOAD, 0, 0, 0],
    [EQUAL, 0, 1, syscalls[call][0]],
    [RETURN, 0, 0, USER_NOTIF],
    [RETURN, 0, 0, ALLOW],
  ];
  const { data } = init.memory;
  for (const [i, [code = 0, jt = 0, jf = 0, k = 0]] of steps.entries()) {
    const at = init.scratch + 16 + 8 * i;
    data.setUint16(at, code, true);
    data.setUint8(at + 2, jt);
    data.setUint8(at + 3, jf);
    data.setUint32(at + 4, k, true);
  }
  data.setUint16(init.scratch, steps.length, true);
  data.setUint32(init.scratch + 4, init.scratch + 16, true);
  must('seccomp', await init.syscall('seccomp', 1, NEW_LISTENER, init.scratch));
}

it.each(['pidfd_open', 'clone', 'close_range', 'mmap2', 'openat2', 'exit_group'] as const)(
  'a program that decides about calls, and never does, is told as such: %s',
  async (call) => {
    const kernel = kernelOf('wall');
    await undecided(kernel, call);
    const { host, fire } = byHand();
    const asked = read(kernel, host).catch((cause: unknown) => cause);
    let answer: unknown;
    void asked.then((it) => {
      answer = it;
    });
    for (let turns = 0; answer === undefined && turns < 2000; turns++) {
      await nodeHost.turn();
      if (turns % 100 === 99) fire();
    }
    if (call === 'exit_group') expect(answer).toMatch(/^Linux/);
    else expect(answer).toMatchObject({ kind: 'program-prevents' });
    kernel.kill();
  },
);

it('what nothing will end by virtual time is given up at once: a file system that a program froze holds up nobody else', async () => {
  const kernel = kernelOf('virtual');
  const { init } = kernel;
  await kernel.attachDisk(overlay(await fixtureDevice('ext4'), { limitMib: 32 }));
  must('mount', await mount(init, '/dev/vda', '/mnt', 'ext4', 0));
  const root = must('openat', await openat(init, AT_FDCWD, '/mnt', 0));
  const [FREEZE, THAW] = [0xc004_5877, 0xc004_5878];
  must('ioctl', await init.syscall('ioctl', root, FREEZE, 0));
  const file = {
    path: bytes('mnt/new'),
    mode: undefined,
    growableBytes: () => 8 * 2 ** 20,
    async *bytes() {
      yield bytes('new');
    },
  };
  const save = () => errand(kernel, nodeHost, (task) => saveFile(task, { ...file, bytes: file.bytes() }));
  await expect(save()).rejects.toMatchObject({ kind: 'program-prevents' });
  expect(await read(kernel, nodeHost)).toMatch(/^Linux/);
  must('ioctl', await init.syscall('ioctl', root, THAW, 0));
  await save();
  expect(await read(kernel, nodeHost, 'mnt/new')).toBe('new');
  // A new file is whole or not there, whatever ends the one who writes it.
  const half = errand(kernel, nodeHost, (task) => {
    async function* killing() {
      yield new Uint8Array(600_000);
      must('tkill', await init.syscall('tkill', task.pid, 9));
      yield new Uint8Array(600_000);
    }
    return saveFile(task, { ...file, path: bytes('mnt/in/half'), bytes: killing() });
  });
  await expect(half).rejects.toMatchObject({ kind: 'program-prevents' });
  await expect(read(kernel, nodeHost, 'mnt/in/half')).rejects.toMatchObject({ errno: 'ENOENT' });
  kernel.kill();
});
