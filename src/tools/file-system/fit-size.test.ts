import { describe, expect, it } from 'vitest';
import { smallestFit, smallestFitByEmpty } from './fit-size.ts';

const GRAIN = 4096;

/** A thing that needs `needs` bytes: every attempt is noted. */
function thing(needs: number) {
  const tried: number[] = [];
  const attempt = async (bytes: number) => {
    tried.push(bytes);
    return bytes < needs ? undefined : bytes - needs;
  };
  return { tried, attempt };
}

describe('the smallest size that fits', () => {
  it.each([
    [10_000, 1_000_000, 0],
    [1_000_000, 1_000_000, 0],
    [50_000_000, 1_000_000, 0],
    [123_456, 10_000_000, 0],
    [1, 1, 0],
    [5_000, 1_000_000_000, 900_000],
  ])('of %i bytes, begun at %i with %i at least, is close, and tried last', async (needs, first, least) => {
    const { tried, attempt } = thing(needs);
    const found = (await smallestFit({ first, least, grain: GRAIN }, attempt)) ?? Number.NaN;
    const exact = Math.ceil(Math.max(needs, least) / GRAIN) * GRAIN;
    expect(found).toBeGreaterThanOrEqual(exact);
    expect(found).toBeLessThanOrEqual(Math.max(exact + GRAIN, exact * 1.02));
    expect(found % GRAIN).toBe(0);
    expect(tried.at(-1)).toBe(found);
    expect(tried.length).toBeLessThan(16);
  });

  it('takes few attempts where what is left is true but for what the size itself takes', async () => {
    for (const needs of [1_200_000, 50_000_000, 1_000_000_000]) {
      const tried: number[] = [];
      const found = await smallestFit(
        { first: needs * 1.1 + 80_000_000, least: 100_000, grain: 65_536 },
        async (bytes) => {
          tried.push(bytes);
          const room = bytes * 0.984 - Math.min(4_000_000, bytes / 16);
          return room < needs ? undefined : room - needs;
        },
      );
      expect(tried.length).toBeLessThan(8);
      expect(found).toBeLessThan((needs / 0.984 + 4_000_000) * 1.02);
    }
  });

  it.each([0.3, 0.9, 3])('ends where what is left is told %f times', async (lie) => {
    const tried: number[] = [];
    const found = await smallestFit({ first: 1 << 30, least: 0, grain: GRAIN }, async (bytes) => {
      tried.push(bytes);
      return bytes < 77_000_000 ? undefined : (bytes - 77_000_000) * lie;
    });
    expect(found).toBeGreaterThanOrEqual(77_000_000);
    expect(found).toBeLessThan(79_000_000);
    expect(tried.length).toBeLessThan(30);
  });

  it('ends where what is left says nothing', async () => {
    const tried: number[] = [];
    const found = await smallestFit({ first: 1 << 30, least: 0, grain: GRAIN }, async (bytes) => {
      tried.push(bytes);
      return bytes < 77_000_000 ? undefined : 0;
    });
    expect(found).toBeGreaterThanOrEqual(77_000_000);
    expect(found).toBeLessThan(78_000_000);
    expect(tried.length).toBeLessThan(20);
  });

  it('is none where nothing fits', async () => {
    expect(await smallestFit({ first: 1, least: 0, grain: GRAIN }, async () => undefined)).toBeUndefined();
  });
});

describe('the smallest size of what is dear to try', () => {
  const search = { first: 200_000_000, least: 100_000, grain: GRAIN };
  const room = (bytes: number) => bytes * 0.98 - 4_000_000;

  it.each([1_200_000, 50_000_000, 180_000_000])(
    'of %i bytes takes two attempts where empty ones tell what it takes',
    async (needs) => {
      const tried: number[] = [];
      const attempt = async (bytes: number) => {
        tried.push(bytes);
        return room(bytes) < needs ? undefined : room(bytes) - needs;
      };
      const found = await smallestFitByEmpty(search, attempt, async (bytes) => Math.max(0, room(bytes)));
      expect(found).toBeLessThan(((needs + 4_000_000) / 0.98) * 1.03);
      expect(tried.length).toBeLessThanOrEqual(2);
      expect(tried.at(-1)).toBe(found);
    },
  );

  it('is found, and tried last, where they tell too much', async () => {
    const tried: number[] = [];
    const attempt = async (bytes: number) => {
      tried.push(bytes);
      return bytes < 77_000_000 ? undefined : bytes - 40_000_000;
    };
    const found = await smallestFitByEmpty(search, attempt, async (bytes) => bytes);
    expect(found).toBeGreaterThanOrEqual(77_000_000);
    expect(tried.at(-1)).toBe(found);
    expect(tried.length).toBeLessThan(11);
  });

  it.each([189_600_000, 188_900_000, 185_000_000])('of %i bytes is made full last, not empty', async (needs) => {
    const made: [bytes: number, isFull: boolean][] = [];
    const making = (isFull: boolean) => async (bytes: number) => {
      made.push([bytes, isFull]);
      const left = room(bytes) - (isFull ? needs : 0);
      return left < 0 ? undefined : left;
    };
    const found = await smallestFitByEmpty(search, making(true), making(false));
    expect(made.at(-1)).toEqual([found, true]);
  });

  it('is the first that fits where none smaller does, and none where none does', async () => {
    const fitsFrom = (needs: number) => async (bytes: number) => (bytes < needs ? undefined : 0);
    expect(await smallestFitByEmpty(search, fitsFrom(300_000_000), async () => 0)).toBeGreaterThanOrEqual(300_000_000);
    expect(
      await smallestFitByEmpty(
        search,
        async () => undefined,
        async () => undefined,
      ),
    ).toBeUndefined();
  });
});
