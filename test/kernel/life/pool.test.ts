/** What a pool's kernels take is given back, whatever becomes of those who asked for them. */

import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { hostErrors } from '../../../src/errors/table.ts';
import type { Host } from '../../../src/kernel/host.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { KernelPool, type PoolOptions } from '../../../src/kernel/pool/pool.ts';
import { sleepNs } from '../../../src/kernel/syscalls/time.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { kernelModule, snapshot } from '../restored.ts';

const MIB = 1 << 20;
const SECOND_NS = 1e9;

const kernels: Kernel[] = [];
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.kill();
});
const keep = (kernel: Kernel): Kernel => {
  kernels.push(kernel);
  return kernel;
};

/** A world in which callers vanish: with a clock of its own, and a heart for each of them. */
class Vanishing implements Pick<Host, 'pause' | 'monotonicNs' | 'heartbeat'> {
  nowNs = 0;
  readonly #hearts = new Set<() => boolean>();
  /** The caller whose code runs at present. */
  caller = 'a';
  readonly #gone = new Set<string>();

  monotonicNs = () => this.nowNs;
  pause = async () => {
    const { caller } = this;
    this.pass(5e6);
    await setTimeout(0);
    if (this.#gone.has(caller)) await new Promise(() => {});
  };
  heartbeat = (_ms: number, beat: () => boolean) => {
    const { caller } = this;
    const heart = () => this.#gone.has(caller) || beat();
    this.#hearts.add(heart);
  };

  vanish(caller: string): void {
    this.#gone.add(caller);
  }
  pass(ns: number): void {
    this.nowNs += ns;
    for (const heart of this.#hearts) if (!heart()) this.#hearts.delete(heart);
  }
}

const poolOf = (host: PoolOptions['host'], options: Partial<PoolOptions> = {}) =>
  new KernelPool(kernelModule, snapshot, { budgetMib: 48, ready: 2, patienceMs: 5_000, host, ...options });
const asked = { host: nodeHost, memoryMib: 24 };
/** The kernel of the caller `a`, beside one of `b`; `c` comes next. */
async function crowded() {
  const world = new Vanishing();
  const pool = poolOf(world);
  const kernel = keep(await pool.acquire(asked));
  world.caller = 'b';
  keep(await pool.acquire({ ...asked, memoryMib: 20 }));
  world.caller = 'c';
  return { world, pool, kernel };
}

describe('a kernel beside another', () => {
  it('has its memory when the first is made, and is not waited for', async () => {
    const pool = poolOf(nodeHost, { patienceMs: 60_000 });
    const first = keep(await pool.acquire({ ...asked, besideMib: 24 }));
    const other = pool.acquire({ ...asked, besideMib: 24 });
    const beside = keep(await pool.acquire({ ...asked, beside: first }));
    expect(pool.health()).toMatchObject({ kernels: 2, waiting: 1 });
    beside.kill();
    first.kill();
    expect(await keep(await other).init.syscall('getpid')).toBe(1);
  });

  it('is one as any other where nothing is left for it', async () => {
    const pool = poolOf(nodeHost, { patienceMs: 0 });
    const first = keep(await pool.acquire({ ...asked, besideMib: 24 }));
    keep(await pool.acquire({ ...asked, beside: first }));
    await expect(pool.acquire({ ...asked, beside: first })).rejects.toMatchObject({ kind: 'kernel-busy' });
    first.kill();
    expect(await keep(await pool.acquire({ ...asked, beside: first })).init.syscall('getpid')).toBe(1);
  });
});

describe('a caller that vanishes', () => {
  it('has his kernel killed by the next who waits, and its memory given to him', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    const lost = [keep(await pool.acquire(asked)), keep(await pool.acquire(asked))];
    world.vanish('a');
    world.caller = 'b';
    const kernel = keep(await pool.acquire(asked));
    expect(await kernel.init.syscall('getpid')).toBe(1);
    expect(lost.every(({ dead }) => dead?.message === 'whoever had this kernel is gone')).toBe(true);
    expect(world.nowNs).toBeLessThan(5 * SECOND_NS);
  });

  it('is found by who asks whether the service is well', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    for (let i = 0; i < 2; i++) keep(await pool.acquire(asked));
    expect(pool.health()).toMatchObject({ ready: false, kernels: 2 });
    world.vanish('a');
    for (let second = 0; second < 5; second++) {
      world.pass(SECOND_NS);
      pool.health();
    }
    expect(pool.health()).toMatchObject({ ready: true, kernels: 0 });
  });

  it('holds nobody up who waits behind him', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    const running = [keep(await pool.acquire(asked)), keep(await pool.acquire(asked))];
    world.caller = 'waits and vanishes';
    pool.acquire(asked).catch(() => {});
    world.vanish('waits and vanishes');
    world.caller = 'b';
    const next = pool.acquire(asked);
    running[0]?.kill();
    expect(await (await next).init.syscall('getpid')).toBe(1);
    keep(await next);
  });

  it('is not who is slow: a beat is enough, and long computing takes nobody’s kernel', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    const kernel = keep(await pool.acquire(asked));
    for (let second = 0; second < 600; second++) {
      world.pass(SECOND_NS);
      pool.health();
    }
    // Nobody had a turn for a minute: whoever comes first finds all silent.
    world.nowNs += 60 * SECOND_NS;
    pool.health();
    pool.health();
    world.pass(1);
    pool.health();
    expect(await kernel.init.syscall('getpid')).toBe(1);
  });

  it('is not who has to wait for his turn as long as others have to', async () => {
    const { world, pool, kernel } = await crowded();
    // All beat every two seconds only: so does he, and is late once more.
    for (let turn = 0; turn < 20; turn++) world.pass(2 * SECOND_NS);
    world.vanish('a');
    for (let turn = 0; turn < 3; turn++) {
      world.pass(2 * SECOND_NS);
      pool.health();
    }
    expect(kernel.dead).toBeUndefined();
    for (let turn = 0; turn < 4; turn++) {
      world.pass(2 * SECOND_NS);
      pool.health();
    }
    expect(kernel.dead?.message).toBe('whoever had this kernel is gone');
    // Should he live after all, he is told to come back: it was no fault of his, nor of the kernel.
    const { name } = kernel.dead?.problem ?? {};
    expect(name).toBe('kernel-lost');
    expect(hostErrors['kernel-lost']).toMatchObject({ status: 503, retryAfterS: 2 });
  });

  it('is not who is late when load comes in waves', async () => {
    const { world, pool, kernel } = await crowded();
    world.pass(2 * SECOND_NS);
    for (let beat = 0; beat < 7; beat++) world.pass(SECOND_NS / 2);
    world.vanish('a');
    for (let look = 0; look < 8; look++) {
      world.pass(SECOND_NS / 2);
      pool.health();
    }
    expect(kernel.dead).toBeUndefined();
    for (let look = 0; look < 14; look++) {
      world.pass(SECOND_NS / 2);
      pool.health();
    }
    expect(kernel.dead?.message).toBe('whoever had this kernel is gone');
  });

  it('is not woken by whoever ends his kernel, whose stacks unwind all the same', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    const kernel = keep(await pool.acquire(asked));
    let heard = 0;
    const hear = () => heard++;
    kernel.engine.onDeath(hear);
    const asleep = sleepNs(kernel.init, 1_000_000_000_000n);
    kernel.engine.holdTime(new Promise(() => {})); // a device that never answers
    asleep.then(hear, hear);
    world.vanish('a');
    for (let second = 0; second < 6; second++) {
      world.pass(SECOND_NS);
      pool.health();
    }
    await setTimeout(1);
    expect({ heard, stacks: kernel.engine.stacks }).toEqual({ heard: 0, stacks: 0 });
    // It lived after all.
    kernel.kill();
    await expect(asleep).rejects.toBe(kernel.dead);
    expect(heard).toBe(2);
  });

  it('does not get his kernel when he comes back', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    const kernel = keep(await pool.acquire(asked));
    world.vanish('a');
    for (let second = 0; second < 6; second++) {
      world.pass(SECOND_NS);
      pool.refill();
    }
    const call = kernel.init.syscall('getpid');
    kernel.kill();
    await expect(call).rejects.toBe(kernel.dead);
  });
});

describe('memory', () => {
  it('is given back once, however often a kernel is killed', async () => {
    const pool = poolOf(nodeHost, { ready: 0 });
    const [first, second] = [keep(await pool.acquire(asked)), keep(await pool.acquire(asked))];
    expect(pool.bytes).toBe(48 * MIB);
    first.kill();
    first.kill();
    expect(pool.bytes).toBe(24 * MIB);
    second.kill();
    expect(pool.bytes).toBe(0);
  });

  it('ends where the machine does, whatever the kernel believes it may have', async () => {
    const pool = poolOf(nodeHost);
    const kernel = keep(await pool.acquire({ host: nodeHost, memoryMib: 12 }));
    kernel.engine.memoryLimit = 0xffff_0000;
    expect(() => kernel.engine.memory.memory.grow((16 * MIB - kernel.engine.memory.size) / 65_536)).toThrow(RangeError);
    const pages = (12 * MIB - kernel.engine.memory.size) / 65_536;
    expect(kernel.engine.memory.memory.grow(pages)).toBe(kernel.memoryBytes / 65_536);
  });

  it('machines of the sizes that are asked for are kept, and none serves a kernel of another', async () => {
    const pool = poolOf(nodeHost, { budgetMib: 128 });
    for (const memoryMib of [24, 40, 24, 40, 13]) {
      const kernel = keep(await pool.acquire({ host: nodeHost, memoryMib }));
      const { memory } = kernel.engine.memory;
      const room = Math.ceil(memoryMib / 4) * 4 * MIB - memory.buffer.byteLength;
      expect(() => memory.grow(room / 65_536 + 2)).toThrow(RangeError);
      kernel.kill();
      await kernel.gone;
      pool.refill();
    }
  });

  it('is nobody else’s business: a task of a dead kernel reads and writes none', async () => {
    const pool = poolOf(nodeHost);
    const kernel = keep(await pool.acquire(asked));
    const { init } = kernel;
    kernel.kill();
    await kernel.gone;
    const next = keep(await pool.acquire(asked));
    expect(() => init.memory.write(init.scratch, Uint8Array.of(1))).toThrow(kernel.dead);
    expect(() => init.memory.copy(init.scratch, 1)).toThrow(kernel.dead);
    expect(() => init.memory.i32(init.scratch)).toThrow(kernel.dead);
    expect(() => kernel.tasks()).toThrow(kernel.dead);
    expect(await next.init.syscall('getpid')).toBe(1);
  });
});

describe('owners', () => {
  it('get their turns: one with many requests does not keep another waiting', async () => {
    const pool = poolOf(nodeHost);
    const served: string[] = [];
    const request = async (owner: string) => {
      const kernel = keep(await pool.acquire({ ...asked, owner }));
      served.push(owner);
      await setTimeout(1);
      kernel.kill();
    };
    await Promise.all([...Array.from({ length: 10 }, () => request('many')), request('one'), request('two')]);
    expect(served).toHaveLength(12);
    expect(served.indexOf('one')).toBeLessThanOrEqual(4);
    expect(served.indexOf('two')).toBeLessThanOrEqual(4);
  });
});

describe('an owner who waits while others have more', () => {
  const of = (owner: string) => ({ ...asked, owner });

  it('finds room: whoever else has kernels leaves that of one, while there are others', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    keep(await pool.acquire(of('seldom'))).kill();
    const first = keep(await pool.acquire(of('much')));
    const second = pool.acquire(of('much'));
    const other = keep(await pool.acquire(of('seldom')));
    expect(await other.init.syscall('getpid')).toBe(1);
    await expect(second).rejects.toMatchObject({ kind: 'kernel-busy' });
    other.kill();
    // A minute after the last of the others it is all his.
    world.pass(61 * SECOND_NS);
    expect(await keep(await pool.acquire(of('much'))).init.syscall('getpid')).toBe(1);
    expect(first.dead).toBeUndefined();
  });

  it('gets the memory of the kernel that has run longest, once that has had its time', async () => {
    const world = new Vanishing();
    const pool = poolOf(world, { shareMs: 30_000 });
    const first = keep(await pool.acquire(of('much')));
    world.pass(SECOND_NS);
    const second = keep(await pool.acquire(of('much')));
    await expect(pool.acquire(of('other'))).rejects.toMatchObject({ kind: 'kernel-busy' });
    world.pass(40 * SECOND_NS);
    const kernel = keep(await pool.acquire(of('other')));
    expect(await kernel.init.syscall('getpid')).toBe(1);
    expect(first.dead?.end).toBe('deadline');
    expect(first.dead?.message).toMatch(/others waited/);
    expect(second.dead).toBeUndefined();
  });

  it('gets none of an owner who has no more than himself, of his own, or of a session', async () => {
    const world = new Vanishing();
    const pool = poolOf(world);
    const [one, other] = [keep(await pool.acquire(of('one'))), keep(await pool.acquire(of('other')))];
    world.pass(600 * SECOND_NS);
    await expect(pool.acquire(of('one'))).rejects.toMatchObject({ kind: 'kernel-busy' });
    expect([one.dead, other.dead]).toEqual([undefined, undefined]);
    const sessions = poolOf(world);
    const kept = [keep(await sessions.acquire(asked)), keep(await sessions.acquire(asked))];
    world.pass(600 * SECOND_NS);
    await expect(sessions.acquire(of('one'))).rejects.toMatchObject({ kind: 'kernel-busy' });
    expect(kept.every(({ dead }) => dead === undefined)).toBe(true);
  });
});

describe('memory for programs', () => {
  it('counts against the budget beside the kernel that runs them, and is none unless it was asked for', async () => {
    const pool = poolOf(nodeHost, { patienceMs: 0, ready: 0 });
    const plain = keep(await pool.acquire(asked));
    expect([plain.programs.memoryLimit, pool.bytes]).toEqual([0, 24 * MIB]);
    plain.kill();
    const kernel = keep(await pool.acquire({ ...asked, programMib: 20 }));
    expect([kernel.programs.memoryLimit, pool.bytes]).toEqual([20 * MIB, 44 * MIB]);
    await expect(pool.acquire(asked)).rejects.toMatchObject({ kind: 'kernel-busy' });
    kernel.kill();
    await kernel.gone;
    expect(pool.bytes).toBeLessThanOrEqual(24 * MIB);
    await expect(pool.acquire({ ...asked, programMib: 25 })).rejects.toMatchObject({ kind: 'kernel-oom' });
  });
});
