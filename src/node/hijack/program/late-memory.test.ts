/** The memory of a program as a call of it writes to it: here this process's own. */

import { expect, it } from 'vitest';
import { module } from '../../native/calls.ts';
import { LateMemory } from './late-memory.ts';
import { ProgramMemory } from './memory.ts';

it.skipIf(process.platform !== 'linux')(
  'whether the thread waits is asked once for what is written without a pause',
  async () => {
    const place = new Uint8Array(16);
    const at = Number(module().address(place));
    let asked = 0;
    let isWaiting = true;
    const memory = new LateMemory(process.pid, new ProgramMemory(process.pid), () => {
      asked++;
      return isWaiting;
    });
    for (let i = 0; i < 4; i++) memory.setU32(at + 4 * i, i + 1);
    expect([...new Uint32Array(place.buffer)]).toEqual([1, 2, 3, 4]);
    expect(asked).toBe(1);

    await Promise.resolve();
    memory.setU32(at, 9);
    expect(asked).toBe(2);

    // A signal has ended the call meanwhile.
    isWaiting = false;
    await Promise.resolve();
    memory.setU32(at, 7);
    expect([place[0], memory.late.length, asked]).toEqual([9, 1, 3]);
  },
);
