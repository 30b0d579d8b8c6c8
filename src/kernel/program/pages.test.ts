/** Mappings of a program: where they are, what they hold, and that they are within what programs may have. */

import { describe, expect, it } from 'vitest';
import { errnos } from '../../abi/errno.ts';
import { FOREIGN } from '../../abi/shared.ts';
import { KernelMemory } from '../memory.ts';
import { Budget } from './budget.ts';
import { Holes } from './holes.ts';
import { Pages } from './pages.ts';
import { ProgramMemory } from './program-memory.ts';

const MIB = 1 << 20;
const PAGE = 4096;
const memoryOf = (budget = new Budget(64 * MIB), initial = 16, maximum = 4096) =>
  new ProgramMemory(new WebAssembly.Memory({ initial, maximum }), budget);
const kernelMemory = () => new KernelMemory(new WebAssembly.Memory({ initial: 1 }));

describe('holes', () => {
  it('join when they touch or lie over one another', () => {
    const holes = new Holes();
    holes.add(10, 20);
    holes.add(40, 50);
    holes.add(20, 30);
    holes.add(25, 45);
    expect(holes.bytes).toBe(40);
    expect(holes.take(40)).toBe(10);
    expect(holes.take(1)).toBeUndefined();
  });

  it('are taken at a place only when all of it is free', () => {
    const holes = new Holes();
    holes.add(0, 100);
    expect(holes.takeAt(40, 60)).toBe(true);
    expect(holes.takeAt(30, 50)).toBe(false);
    expect(holes.touches(40, 60)).toBe(false);
    expect(holes.touches(59, 61)).toBe(true);
    holes.remove(0, 1000);
    expect(holes.bytes).toBe(0);
  });

  it('of many random ranges are what a set of bytes says', () => {
    const holes = new Holes();
    const free = new Set<number>();
    let seed = 1;
    const next = (below: number) => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed % below;
    };
    for (let i = 0; i < 2000; i++) {
      const at = next(200);
      const end = at + next(20);
      const bytes = Array.from({ length: end - at }, (_, n) => at + n);
      const what = next(3);
      const taken = what === 2 && holes.takeAt(at, end);
      if (what === 2) expect(taken).toBe(bytes.every((byte) => free.has(byte)));
      if (what === 0) holes.add(at, end);
      if (what === 1) holes.remove(at, end);
      for (const byte of bytes) {
        if (what === 0) free.add(byte);
        else if (what === 1 || taken) free.delete(byte);
      }
      expect(holes.bytes).toBe(free.size);
      expect(holes.touches(at, end)).toBe(bytes.some((byte) => free.has(byte)));
    }
  });
});

describe('pages', () => {
  it('that were unmapped are mapped again, as zeros', () => {
    const memory = memoryOf();
    const pages = new Pages(memory);
    const at = pages.map(3 * PAGE);
    memory.bytes.fill(7, at, at + 3 * PAGE);
    pages.unmap(at + PAGE, 10);
    expect(pages.map(1)).toBe(at + PAGE);
    expect([memory.bytes[at], memory.bytes[at + PAGE], memory.bytes[at + 2 * PAGE]]).toEqual([7, 0, 7]);
  });

  it("never are the program's own data", () => {
    const memory = memoryOf();
    const pages = new Pages(memory);
    pages.unmap(0, 32 * MIB);
    expect(pages.map(PAGE)).toBeGreaterThanOrEqual(16 * 65_536);
    expect(pages.mapAt(PAGE, PAGE)).toBe(-errnos.ENOMEM.number);
    expect(pages.remap(PAGE, PAGE, 2 * PAGE, true)).toBe(-errnos.EFAULT.number);
  });

  it('grow in place where there is room behind them, else they move if they may', () => {
    const memory = memoryOf();
    const pages = new Pages(memory);
    const at = pages.map(PAGE);
    expect(pages.remap(at, PAGE, 3 * PAGE, false)).toBe(at);
    const next = pages.map(PAGE);
    expect(next).toBe(at + 3 * PAGE);
    memory.bytes[at] = 5;
    expect(pages.remap(at, 3 * PAGE, 9 * PAGE, false)).toBe(-errnos.ENOMEM.number);
    const moved = pages.remap(at, 3 * PAGE, 9 * PAGE, true);
    expect(moved).toBeGreaterThan(next);
    expect(memory.bytes[moved]).toBe(5);
    expect(pages.isMapped(at, PAGE)).toBe(false);
    expect(pages.remap(moved, 9 * PAGE, PAGE, false)).toBe(moved);
    expect(pages.isMapped(moved + PAGE, PAGE)).toBe(false);
  });

  it('end where the budget does, to the last page', () => {
    const budget = new Budget(2 * MIB);
    const pages = new Pages(memoryOf(budget));
    expect(pages.map(3 * MIB)).toBe(-errnos.ENOMEM.number);
    expect(pages.map(MIB)).toBe(MIB);
    expect(pages.map(PAGE)).toBe(-errnos.ENOMEM.number);
    expect(budget.left).toBe(0);
  });

  it("end where the memory's own maximum does", () => {
    const budget = new Budget(64 * MIB);
    const pages = new Pages(memoryOf(budget, 16, 17));
    expect(pages.map(65_536)).toBe(MIB);
    expect(pages.map(65_536)).toBe(-errnos.ENOMEM.number);
    expect(budget.used).toBe(17 * 65_536);
  });
});

describe("a program's memory", () => {
  it('is counted, also what it grew by itself, and given back at its end', () => {
    const budget = new Budget(2 * MIB);
    const memory = memoryOf(budget);
    expect(budget.used).toBe(MIB);
    memory.memory.grow(8);
    expect(memory.count()).toBe(true);
    expect(budget.used).toBe(MIB + 8 * 65_536);
    memory.memory.grow(64);
    expect(memory.count()).toBe(false);
    memory.end();
    expect(budget.used).toBe(0);
    expect(() => memoryOf(new Budget(65_536))).toThrow(RangeError);
  });

  it('is copied from and to as far as it goes, and from 4096 up', () => {
    const [memory, kernel] = [memoryOf(), kernelMemory()];
    const end = memory.size;
    kernel.bytes.fill(1, 0, 200);
    for (const n of [1, 16, 100]) {
      expect(memory.exchange(kernel, 0, end - n, n, FOREIGN.write)).toBe(0);
      expect(memory.bytes[end - n]).toBe(1);
      expect(memory.exchange(kernel, 300, end - n, n + 5, FOREIGN.read)).toBe(5);
      expect(kernel.bytes[300 + n - 1]).toBe(1);
      expect(memory.exchange(kernel, 0, end - n, 2 * n, FOREIGN.clear)).toBe(n);
      expect(memory.bytes[end - n]).toBe(0);
    }
    for (const at of [0, 4095, end, 0xffff_fff0]) {
      for (const what of Object.values(FOREIGN)) expect(memory.exchange(kernel, 0, at, 4, what)).toBe(4);
    }
  });

  it('has strings as far as it goes', () => {
    const [memory, kernel] = [memoryOf(), kernelMemory()];
    const end = memory.size;
    memory.write(8192 as never, new TextEncoder().encode('four\0more'));
    expect(memory.string(kernel, 64, 8192, 100)).toBe(4);
    expect(new TextDecoder().decode(kernel.copy(64 as never, 6))).toBe('four\0\0');
    expect(memory.string(kernel, 64, 8192, 3)).toBe(3);
    expect(memory.string(kernel, 0, 8192, 100)).toBe(4);
    memory.bytes.fill(1, end - 4, end);
    expect(memory.string(kernel, 64, end - 4, 4)).toBe(4);
    expect(memory.string(kernel, 64, end - 4, 5)).toBe(-errnos.EFAULT.number);
    for (const at of [0, 4095, end, 0xffff_ffff]) {
      expect(memory.string(kernel, 64, at, 10)).toBe(-errnos.EFAULT.number);
    }
  });
});
