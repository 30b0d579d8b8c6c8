/**
 * Calls made natively on Linux and here: the same results, errnos and outputs. `linux.json` is what
 * scripts/conformance/record-calls.ts wrote; it leaves out what Linux does not define, such as inode numbers.
 */

import { describe, expect, it } from 'vitest';
import { parseWords } from '../../src/abi/constants.ts';
import type { BatchCall, CallResult, Json } from '../../src/batch/language/types.ts';
import calls from './calls.json';
import { call, play } from './kernel.ts';
import linux from './linux.json';

const cases = calls as unknown as Readonly<Record<string, readonly (BatchCall & { readonly undefined?: unknown })[]>>;
const recorded = linux.cases as unknown as Readonly<Record<string, readonly Partial<CallResult>[]>>;

/** An empty ramfs as working directory, as the recorder has it. */
const prelude = [call('mkdir', '/t', 0o755), call('mount', 'ramfs', '/t', 'ramfs', 0, null), call('chdir', '/t')];

/** Of what we answer, the part that is recorded; words where the record has numbers as numbers. */
function likeRecord(got: Json | undefined, wanted: unknown): unknown {
  if (Array.isArray(got) && Array.isArray(wanted)) return got.map((item, i) => likeRecord(item, wanted[i]));
  if (typeof got === 'string' && typeof wanted === 'number') {
    const words = parseWords(got);
    return 'value' in words ? Number(words.value) : got;
  }
  if (typeof got !== 'object' || got === null || typeof wanted !== 'object' || wanted === null) return got;
  return Object.fromEntries(
    Object.entries(wanted).map(([key, value]) => [key, likeRecord((got as Record<string, Json>)[key], value)]),
  );
}

describe('as Linux answers', () => {
  it.each(Object.keys(cases))('%s', async (name) => {
    const list = (cases[name] ?? []).map(({ undefined: _, ...call }) => call);
    const { results } = await play({ calls: [...prelude, ...list] });
    const answers = results.slice(prelude.length);
    const wanted = recorded[name] ?? [];
    const shown = list.map((call, i) => ({
      call,
      ...(likeRecord(answers[i] as Json | undefined, wanted[i]) as object),
    }));
    expect(shown).toEqual(list.map((call, i) => ({ call, ...wanted[i] })));
  });

  it('in at least 400 calls', () => {
    expect(Object.values(recorded).flat().length).toBeGreaterThanOrEqual(400);
    expect(Object.keys(recorded)).toEqual(Object.keys(cases));
  });
});
