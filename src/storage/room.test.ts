import { expect, it } from 'vitest';
import { spareRoom } from './room.ts';

it('what is more than usual is taken only while enough is left for others', () => {
  let free = 40;
  const room = {
    tryTake(bytes: number) {
      if (bytes > free) return false;
      free -= bytes;
      return true;
    },
    give(bytes: number) {
      free += bytes;
    },
  };
  const [one, other] = [spareRoom(room, 16, 8), spareRoom(room, 16, 8)];
  expect([one.tryTake(16), one.tryTake(16), one.tryTake(1)]).toEqual([true, true, false]);
  expect([other.tryTake(8), other.tryTake(1), free]).toEqual([true, false, 0]);
  one.give(32);
  expect([other.tryTake(8), other.tryTake(16), other.tryTake(1), free]).toEqual([true, true, false, 8]);
});
