/** A request's memory may lie in many places: a device is told of what is written once, whole and in order. */

import { expect, it } from 'vitest';
import { type BlockDevice, SECTOR } from '../../storage/block-device.ts';
import { KernelMemory, type Ptr } from '../memory.ts';
import { VirtioBlk } from './blk.ts';
import { newQueueState, VirtQueue } from './queue.ts';

const QUEUE = { size: 8, desc: 0x1000, avail: 0x2000, used: 0x3000 };
const [HEADER, STATUS] = [0x4000, 0x4100];
const F_NEXT = 1;
const F_WRITE = 2;
const T_OUT = 1;

/** Has the driver's one request, a write of these pieces of memory to sector 3, served by a disk over `device`. */
function write(pieces: readonly [at: number, bytes: number][], device: BlockDevice): { memory: KernelMemory } {
  const memory = new KernelMemory(new WebAssembly.Memory({ initial: 1 }));
  memory.setU32(HEADER as Ptr, T_OUT);
  memory.setU32((HEADER + 8) as Ptr, 3);
  memory.view(STATUS as Ptr, 1)[0] = 0xff;
  for (const [at, bytes] of pieces)
    memory.write(
      at as Ptr,
      Uint8Array.from({ length: bytes }, (_, i) => (at >> 8) + i),
    );
  const chain = [[HEADER, 16], ...pieces, [STATUS, 1]] as const;
  for (const [index, [at, bytes]] of chain.entries()) {
    const descriptor = QUEUE.desc + 16 * index;
    memory.setU32(descriptor as Ptr, at);
    memory.setU32((descriptor + 8) as Ptr, bytes);
    const isLast = index === chain.length - 1;
    memory.data.setUint16(descriptor + 12, isLast ? F_WRITE : F_NEXT, true);
    memory.data.setUint16(descriptor + 14, index + 1, true);
  }
  memory.setU16((QUEUE.avail + 2) as Ptr, 1);
  const ledger = { begin() {}, end: (complete: () => void) => complete() };
  const disk = new VirtioBlk(device, memory, () => {}, ledger);
  disk.notify(new VirtQueue(memory, { ...newQueueState(), ...QUEUE, ready: true }));
  return { memory };
}

const PIECES: [number, number][] = [
  [0x8000, 2 * SECTOR],
  [0x6000, SECTOR],
  [0x9000, SECTOR],
];
const whole = PIECES.flatMap(([at, bytes]) => Array.from({ length: bytes }, (_, i) => ((at >> 8) + i) & 0xff));

it.each([true, false])('what lies in three places is one write (at once: %s)', async (writesAtOnce) => {
  const taken: [number, Uint8Array][] = [];
  const done = Promise.withResolvers<void>();
  const { memory } = write(PIECES, {
    sectors: 16,
    writesAtOnce,
    read() {},
    write(sector, from) {
      taken.push([sector, writesAtOnce ? from.slice() : from]);
      return writesAtOnce ? undefined : done.promise;
    },
  });
  // A device that writes later has bytes of its own, whatever becomes of memory.
  for (const [at, bytes] of PIECES) memory.view(at as Ptr, bytes).fill(0);
  expect(memory.view(STATUS as Ptr, 1)[0]).toBe(writesAtOnce ? 0 : 0xff);
  done.resolve();
  await new Promise(setImmediate);
  expect(memory.view(STATUS as Ptr, 1)[0]).toBe(0);
  expect(taken.map(([sector, from]) => [sector, [...from]])).toEqual([[3, whole]]);
});

it('a write that fails is an error of the request', async () => {
  const { memory } = write(PIECES, {
    sectors: 16,
    read() {},
    write: async () => {
      throw new Error('the disk is gone');
    },
  });
  await new Promise(setImmediate);
  expect(memory.view(STATUS as Ptr, 1)[0]).toBe(1);
});
