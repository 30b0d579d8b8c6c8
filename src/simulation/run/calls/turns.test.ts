import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

const spin = (turns: Turns, count: number, isBounded: boolean): void => {
  for (let n = 0; n < count; n++) {
    turns.called(100, n * 100);
    turns.turned('here', isBounded, n * 100);
  }
};

test('turns in which no call waits are counted, and a wait begins anew', () => {
  const turns = new Turns(0);
  spin(turns, 99_999, false);
  turns.called(5000, 1e9);
  spin(turns, 99_999, false);
  expect(() => spin(turns, 1, false)).toThrow('here: "until" was not so after 100000 turns');
});

test('a loop that says how often may make a million, and several in each other no more', () => {
  const turns = new Turns(0);
  spin(turns, 999_999, true);
  expect(() => spin(turns, 1, true)).toThrow('here: loops made 1000000 turns in which no call waited');
});
