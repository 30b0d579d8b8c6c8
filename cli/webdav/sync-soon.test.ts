import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { syncSoon } from './sync-soon.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('changes that go on are synced all the same, one sync at a time', async () => {
  const done: (() => void)[] = [];
  const soon = syncSoon(
    () => new Promise<void>((resolve) => void done.push(resolve)),
    () => {},
    1000,
  );
  for (let i = 0; i < 15; i += 1) {
    soon.changed();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(done).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(5000);
  expect(done).toHaveLength(1);
  done[0]?.();
  await vi.advanceTimersByTimeAsync(1000);
  expect(done).toHaveLength(2);
  done[1]?.();
  await vi.advanceTimersByTimeAsync(5000);
  expect(done).toHaveLength(2);
});

it('a sync that failed is told once, and is the last', async () => {
  const failures: unknown[] = [];
  const soon = syncSoon(
    () => Promise.reject(new Error('EIO')),
    (cause) => void failures.push(cause),
    1000,
  );
  soon.changed();
  await vi.advanceTimersByTimeAsync(1000);
  soon.changed();
  await vi.advanceTimersByTimeAsync(5000);
  expect(failures).toHaveLength(1);
});
