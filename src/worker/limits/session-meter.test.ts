/** Seconds of sessions' kernels: told to the ledger in time, refused when the minute is used up. */

import { describe, expect, it } from 'vitest';
import { sessionMeter } from './session-meter.ts';

function metering(most: number) {
  let nowMs = 120_000;
  const told: number[] = [];
  const meter = sessionMeter({
    quotasOf: () => ({ kernel_seconds_per_minute: most }),
    ledgerOf: () => ({
      async spend(seconds) {
        told.push(seconds);
        return { value: { requests: 0, kernelSeconds: told.reduce((sum, one) => sum + one, 0), resetS: 30 } };
      },
    }),
    nowMs: () => nowMs,
    monotonicNs: () => nowMs * 1e6,
  });
  const work = (ms: number, isNobodys = false) =>
    meter.metered(isNobodys ? undefined : 'token:a', async () => {
      nowMs += ms;
      return ms;
    });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { work, told, pass, meter };
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
    await other.work(9000, true);
    expect([told, other.told]).toEqual([[], []]);
  });
});
