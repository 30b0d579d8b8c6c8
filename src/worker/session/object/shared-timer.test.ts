import { expect, test } from 'vitest';
import { sharedTimer } from './shared-timer.ts';

/** A host whose time passes when it is told to. */
function clock() {
  let nowMs = 0;
  let set = 0;
  const timers = new Map<object, { readonly dueMs: number; readonly then: () => void }>();
  return {
    host: {
      monotonicNs: () => nowMs * 1e6,
      timer(ms: number, then: () => void) {
        set++;
        const key = {};
        timers.set(key, { dueMs: nowMs + ms, then });
        return () => void timers.delete(key);
      },
    },
    set: () => set,
    pending: () => timers.size,
    pass(ms: number) {
      const endMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].sort(([, a], [, b]) => a.dueMs - b.dueMs);
        if (!next || next[1].dueMs > endMs) break;
        nowMs = next[1].dueMs;
        timers.delete(next[0]);
        next[1].then();
      }
      nowMs = endMs;
    },
  };
}

test('timers ring when they are due, in their order, and cancelled ones do not', () => {
  const { host, pass } = clock();
  const { timer } = sharedTimer(host);
  const rang: string[] = [];
  timer(5000, () => rang.push('late'));
  timer(20, () => rang.push('soon'));
  const cancel = timer(10, () => rang.push('never'));
  timer(20, () => rang.push('beside'));
  cancel();
  pass(19);
  expect(rang).toEqual([]);
  pass(1);
  expect(rang).toEqual(['soon', 'beside']);
  pass(4979);
  expect(rang).toHaveLength(2);
  pass(1);
  expect(rang).toEqual(['soon', 'beside', 'late']);
});

test('one that rings may cancel the next, and set another', () => {
  const { host, pass } = clock();
  const { timer } = sharedTimer(host);
  const rang: string[] = [];
  let cancel = () => {};
  timer(5, () => {
    rang.push('first');
    cancel();
    timer(0, () => rang.push('third'));
  });
  cancel = timer(5, () => rang.push('second'));
  pass(5);
  expect(rang).toEqual(['first', 'third']);
});

test('a thousand that are set and cancelled are few of the host, and none a second later', () => {
  const { host, pass, set, pending } = clock();
  const { timer } = sharedTimer(host);
  for (let i = 0; i < 1000; i++) {
    timer(10_000, () => {})();
    pass(1);
  }
  expect(set()).toBeLessThanOrEqual(2);
  pass(1001);
  expect(pending()).toBe(0);
});
