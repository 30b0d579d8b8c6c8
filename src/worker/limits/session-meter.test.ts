/** Seconds of sessions' kernels: told to the ledger in time, refused when the minute is used up. */

import { describe, expect, it } from 'vitest';
import { sessionMeter } from './session-meter.ts';

function metering(most: number) {
  let nowMs = 120_000;
  const told: number[] = [];
  const byOwner: Record<string, number> = {};
  const meter = sessionMeter({
    quotasOf: () => ({ kernel_seconds_per_minute: most }),
    ledgerOf: (owner) => ({
      async spend(seconds) {
        told.push(seconds);
        byOwner[owner] = (byOwner[owner] ?? 0) + seconds;
        return { value: { requests: 0, kernelSeconds: byOwner[owner], resetS: 30 } };
      },
    }),
    nowMs: () => nowMs,
    monotonicNs: () => nowMs * 1e6,
  });
  const work = (ms: number, owner: string | undefined = 'token:a') =>
    meter.metered(owner === '' ? undefined : owner, async () => {
      nowMs += ms;
      return ms;
    });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { work, told, byOwner, pass, meter };
}

describe('the kernel of a session', () => {
  it('works for seconds that are told, many short ones together', async () => {
    const { work, told } = metering(60);
    for (let batch = 0; batch < 30; batch++) await work(100);
    expect(told).toHaveLength(6);
    expect(told.reduce((sum, one) => sum + one)).toBeCloseTo(3);
  });

  it('works no more once the minute is used up, and again in the next', async () => {
    const { work, pass } = metering(2);
    await work(3000);
    await expect(work(1)).rejects.toMatchObject({
      kind: 'over-quota',
      members: { quota: 'kernel_seconds_per_minute', retry_after_s: 30 },
    });
    pass(30_000);
    await expect(work(1)).resolves.toBe(1);
    await work(3000);
    pass(-3_600_000); // the clock was set back
    await expect(work(1)).resolves.toBe(1);
  });

  it('that several have is each of theirs for as long as it works for him', async () => {
    const { work, byOwner } = metering(2);
    await work(400);
    await work(200, 'token:b');
    expect(byOwner).toEqual({});
    await work(3000);
    await expect(work(1)).rejects.toMatchObject({ kind: 'over-quota' });
    await work(400, 'token:b');
    expect(byOwner).toEqual({ 'token:a': 3.4, 'token:b': 0.6 });
  });

  it('is told once enough has gathered', async () => {
    const { told, work } = metering(60);
    await work(600).then(() => work(600));
    expect(told).toEqual([0.6, 0.6]);
  });

  it('works for what no request waits for, too', async () => {
    const { meter, told, work } = metering(2);
    expect([await meter.spent('token:a', 400), await meter.spent('token:a', 400)]).toEqual([false, false]);
    expect(await meter.spent('token:a', 1500)).toBe(true);
    expect(told).toEqual([0.8, 1.5]);
    await expect(work(1)).rejects.toMatchObject({ kind: 'over-quota' });
    expect(await meter.spent(undefined, 9000)).toBe(false);
  });

  it('works as long as it likes for whoever has no such quota, or nobody', async () => {
    const { work, told } = metering(Infinity);
    await work(9000);
    const other = metering(1);
    await other.work(9000, '');
    expect([told, other.told]).toEqual([[], []]);
  });
});
