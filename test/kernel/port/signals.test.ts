/** Signals of a task whose handlers are the host's: what sigreturn undoes is undone. */

import { afterEach, describe, expect, it } from 'vitest';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { restoredKernel } from '../restored.ts';
import { lay, words } from './tasks.ts';

const SIGUSR1 = 10;
const SIGUSR2 = 12;
const SIGALRM = 14;
const ITIMER_REAL = 0;
const HANDLER = 0x1000;
const SA_RESTART = 0x1000_0000;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const EINTR = -4;
const bit = (signal: number) => 1 << (signal - 1);

let kernel: Kernel;
afterEach(() => kernel.kill());

/** A task of its own, which may be hit by any signal. */
async function task() {
  kernel = restoredKernel();
  const child = await kernel.spawn();
  const handle = async (signal: number, flags = 0, mask = 0) =>
    expect(await child.syscall('rt_sigaction', signal, lay(child, words(HANDLER, flags, mask, 0)), 0, 8)).toBe(0);
  const blocked = async () => {
    const at = plus(child.scratch, 64);
    expect(await child.syscall('rt_sigprocmask', SIG_BLOCK, 0, at, 8)).toBe(0);
    return child.memory.u32(at);
  };
  const kill = (signal: number) => child.syscall('kill', child.pid, signal);
  return { child, handle, blocked, kill };
}

describe('after a handler has run', () => {
  it('the signal and what its handler blocks are as they were', async () => {
    const { handle, blocked, kill } = await task();
    await handle(SIGUSR1, 0, bit(SIGUSR2));
    expect(await kill(SIGUSR1)).toBe(0);
    expect(await blocked()).toBe(0);
  });

  it('the same signal interrupts the next call too', async () => {
    const { child, handle } = await task();
    // Virtual time passes only while nobody thinks.
    kernel.init.detach();
    await handle(SIGALRM);
    const sleep = words(5, 0);
    for (let time = 0; time < 3; time++) {
      expect(await child.syscall('setitimer', ITIMER_REAL, lay(child, words(0, 0, 1, 0)), 0)).toBe(0);
      expect(await child.syscall('nanosleep', lay(child, sleep), 0)).toBe(EINTR);
    }
  });

  it('a mask that a call lends is given back: ppoll lets in what is blocked, and then it is blocked again', async () => {
    const { child, handle, blocked, kill } = await task();
    await handle(SIGUSR1);
    await handle(SIGUSR2);
    const mask = bit(SIGUSR1) | bit(SIGUSR2);
    expect(await child.syscall('rt_sigprocmask', SIG_SETMASK, lay(child, words(mask, 0)), 0, 8)).toBe(0);
    await kill(SIGUSR1);
    await kill(SIGUSR2);
    expect(await child.syscall('ppoll', 0, 0, lay(child, words(5, 0)), lay(child, words(0, 0), 16), 8)).toBe(EINTR);
    expect(await blocked()).toBe(mask);
    // Both were let in: none is pending.
    expect(await child.syscall('rt_sigpending', plus(child.scratch, 32), 8)).toBe(0);
    expect(child.memory.u32(plus(child.scratch, 32))).toBe(0);
  });

  it('a handler with SA_RESTART lets the call go on, one without ends it', async () => {
    const { child, handle, kill } = await task();
    const other = await kernel.spawn();
    expect(await child.syscall('pipe2', child.scratch, 0)).toBe(0);
    const [readEnd, writeEnd] = [child.memory.u32(child.scratch), child.memory.u32(plus(child.scratch, 4))];
    await handle(SIGUSR1, SA_RESTART);
    await handle(SIGUSR2);
    await kill(SIGUSR1);
    const reading = child.syscall('read', readEnd, plus(child.scratch, 128), 1);
    expect(await other.waitFor(other.syscall('kill', child.pid, SIGUSR1))).toBe(0);
    expect(await other.syscall('kill', child.pid, SIGUSR2)).toBe(0);
    other.detach();
    expect(await reading).toBe(EINTR);
    expect(writeEnd).toBe(readEnd + 1);
  });
});
