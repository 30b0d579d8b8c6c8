/** Laws of long lists and records: what is right comes out, what is wrong is told by its first ones. */

import { z } from '@hono/zod-openapi';
import { expect, it } from 'vitest';
import { withFewMistakes } from './few-mistakes.ts';

const schema = withFewMistakes(
  z.strictObject({
    list: z.array(z.strictObject({ n: z.int(), twice: z.string().transform((text) => text + text) })).default([]),
    plain: z
      .array(z.int())
      .refine((all) => all.length !== 1234)
      .optional(),
    record: z.record(z.string().regex(/^k/), z.int()).optional(),
    few: z.array(z.int()).max(3).optional(),
  }),
);
const paths = (value: unknown) => schema.safeParse(value).error?.issues.map(({ path }) => path.join('.'));

it('long ones that are right are what they were, transformed', () => {
  const list = Array.from({ length: 2050 }, (_, n) => ({ n, twice: 'a' }));
  const record = Object.fromEntries(Array.from({ length: 1500 }, (_, n) => [`k${n}`, n]));
  const found = schema.parse({ list, record, plain: list.map(({ n }) => n) });
  expect(found.list).toEqual(list.map(({ n }) => ({ n, twice: 'aa' })));
  expect(found.record).toEqual(record);
  expect(found.plain).toHaveLength(2050);
});

it('one mistake in a long one has its place, and checks of the whole are made', () => {
  const plain: unknown[] = Array.from({ length: 1234 }, (_, n) => n);
  expect(paths({ plain })).toEqual(['plain']);
  plain.push('no number');
  expect(paths({ plain })).toEqual(['plain.1234']);
  const record = Object.fromEntries(Array.from({ length: 1500 }, (_, n) => [n === 1400 ? 'wrong' : `k${n}`, n]));
  expect(paths({ record })).toEqual(['record.wrong']);
});

it('of many mistakes the first hundred are told, and no more are looked for', () => {
  let looked = 0;
  const counting = withFewMistakes(z.array(z.unknown().refine(() => ++looked < 0)));
  expect(counting.safeParse(Array(400_000).fill(0)).error?.issues).toHaveLength(100);
  expect(looked).toBe(100);
  const keys = Array.from({ length: 200_000 }, (_, n) => [`k${n}`, 'x']);
  expect(paths({ record: Object.fromEntries(keys), list: Array(300_000).fill(0) })?.length).toBeLessThanOrEqual(200);
  expect(paths({ few: Array(300_000).fill('x') })).toEqual(['few']);
});

it('looked at asynchronously they are the same, and others have their turns meanwhile', async () => {
  let breaths = 0;
  const list = z.array(z.record(z.string(), z.int()));
  const breathing = withFewMistakes(z.strictObject({ list }), async () => breaths++);
  const value = { list: Array.from({ length: 11_000 }, (_, n) => ({ n })) };
  expect((await breathing.parseAsync(value)).list).toEqual(value.list);
  expect(breaths).toBe(2);
  const wrong = { list: [...value.list, { n: 'x' }] };
  const { error } = await breathing.safeParseAsync(wrong);
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['list.11000.n']);
});
